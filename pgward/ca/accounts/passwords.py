"""Passwords as a policy wants them."""

import secrets
import string
from typing import Final

ALPHABETS: Final = {
    "alphanumeric": (string.ascii_lowercase, string.ascii_uppercase, string.digits),
    # None of these means anything in a URI, in libpq's files, or in a shell's double quotes.
    "symbols": (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-._~+,"),
}


def make(length: int, alphabet: str) -> bytes:
    """Return a random one, with a letter of each class of the alphabet."""
    classes = ALPHABETS[alphabet]
    letters = "".join(classes)
    while True:
        made = "".join(secrets.choice(letters) for _ in range(length))
        if all(set(made) & set(each) for each in classes):
            return made.encode("ascii")
