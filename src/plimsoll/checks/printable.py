"""Makes texts of servers and files fit to be printed: they may hold anything, also what steers a terminal."""

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def printable(text: str) -> str:
    """The text with every character replaced that is neither printable nor a line break."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else REPLACEMENT for char in text)
