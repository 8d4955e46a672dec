"""Says what is wrong with a password for an administrator: missing, default, short or known to attackers.

The rules follow NIST SP 800-63B: length and a list of known bad passwords, no rules on kinds of characters.
"""

import string

from plimsoll.seeding.passwords import MAX_PASSWORD_LENGTH, is_hashable

MIN_ADMIN_LENGTH = 12
"""Characters. NIST SP 800-63B asks for 8 (revision 3), or 15 where it is the only proof (revision 4). Ours is
between them, as argon2id slows each guess and the lists below take the likely ones away."""

MAX_TAIL = 10
"""Digits and signs at the end that count as decoration ("20251231!!"). A longer tail is a secret itself."""

DEFAULT_PASSWORDS = (
    "admin",
    "admin123",
    "password",
    "changeme",
    "Admin@123",
    "administrator",
    "password123",
    "changethis",
    "admin1234",
    "letmein",
    "root",
    "secret",
    "test",
    "default",
    "welcome",
    "change-me",
    "change_me",
    "changeme123",
    "adminadmin",
    "adminpassword",
    "supersecret",
    "superadmin",
    "please-change-me",
    "your-password-here",
    "yourpassword",
)
"""Passwords that stand in examples, templates and manuals. The likeliest come first."""

HOW_TO_CHOOSE = (
    "Choose one that is used nowhere else, for example the output of "
    '`python3 -c "import secrets; print(secrets.token_urlsafe(18))"`.'
)

_DECORATION = string.digits + string.punctuation + string.whitespace
_LOOKALIKES = str.maketrans("@43105$7!", "aaeioosti")
_SEQUENCES = (string.digits * 2, string.ascii_lowercase * 2, "qwertyuiop" * 2, "asdfghjkl" * 2, "zxcvbnm" * 2)


def password_problem(password: str | None, *, email: str, name: str) -> str | None:
    """What is wrong with `password` and what to do, or None. The text never quotes the password."""
    if not password or not password.strip():
        return f"No password is set. {HOW_TO_CHOOSE}"
    if not is_hashable(password):
        return f"The password has over {MAX_PASSWORD_LENGTH} characters or is no valid text. {HOW_TO_CHOOSE}"
    forms = _plain_forms(password)
    if forms & {default.casefold() for default in DEFAULT_PASSWORDS}:
        return f"The password is a well-known default, which attackers try first. {HOW_TO_CHOOSE}"
    if forms & _own_words(email, name):
        return f"The password is the account's own name or e-mail, which anyone can guess. {HOW_TO_CHOOSE}"
    if len(password) < MIN_ADMIN_LENGTH:
        return (
            f"The password has {len(password)} characters; an administrator's needs at least "
            f"{MIN_ADMIN_LENGTH}. {HOW_TO_CHOOSE}"
        )
    if _is_pattern(password.casefold()):
        return f"The password repeats itself or runs along the keyboard: soon guessed. {HOW_TO_CHOOSE}"
    if _is_common(forms):
        return f"The password is in the list of those that breaches made known. {HOW_TO_CHOOSE}"
    return None


def _plain_forms(password: str) -> set[str]:
    """The password as attackers see it: small letters, no decorated end, look-alike signs as letters."""
    whole = password.casefold().strip()
    stem = whole.rstrip(_DECORATION)
    forms = {whole, stem} if stem and len(whole) - len(stem) <= MAX_TAIL else {whole}
    return forms | {form.translate(_LOOKALIKES) for form in forms}


def _own_words(email: str, name: str) -> set[str]:
    """The account's own words: e-mail, its parts and those of its domain, the name whole and in parts."""
    address, full_name = email.casefold(), name.casefold()
    local, _, domain = address.partition("@")
    words = {address, local, domain, full_name, full_name.replace(" ", "")}
    words.update(domain.split("."), local.split("."), full_name.split())
    return words - {""}


def _is_pattern(password: str) -> bool:
    """Whether it is a shorter text repeated, or a walk along the alphabet, the digits or a keyboard row."""
    if password in (password + password)[1:-1]:
        return True
    return any(password in row or password in row[::-1] for row in _SEQUENCES)


def _is_common(forms: set[str]) -> bool:
    # Imported here: the lists take about 11 MB of memory for the rest of the process, and a service whose
    # admin exists never comes to this line.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # type: ignore[import-untyped]

    return not forms.isdisjoint(FREQUENCY_LISTS["passwords"])
