"""Makes names and texts of a snapshot fit to be shown: they may hold anything, also what steers a terminal."""

LONGEST = 500
"""Characters, unless a view has less room."""


def shown(text: str, most: int = LONGEST) -> str:
    """The text with escapes (`\\x1b`, `\\u202e`) in place of characters that are not printable, cut to `most`
    characters."""
    if not text.isprintable():
        text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
    return cut(text, most)


def cut(text: str, most: int) -> str:
    """The text, or where it is too long its beginning, and the mark that all views have for that."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
