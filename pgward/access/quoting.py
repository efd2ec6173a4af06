"""Names and texts as SQL writes them, wherever they come from. Pure.

A name that a server told may be longer as UTF-8 than it is there, and have bytes that are no UTF-8:
roles and databases of a server are called what they were called in the encoding of any of its
databases, and one without an encoding takes anything. Those bytes are lone surrogates here, as
Python's ``surrogateescape`` has them. What a server cannot have told is refused.
"""

from typing import Final

from pgward.access.rights import MOST_BYTES
from pgward.core.errors import InvalidInputError

_BYTES: Final = frozenset(map(chr, range(0xDC80, 0xDD00)))
"""What stands for a byte that is no UTF-8."""


def identifier(name: str) -> str:
    """Return a name as SQL writes it; raise InvalidInputError for what is none anywhere."""
    if not name or len(_whole(name)) > MOST_BYTES:  # letters: no letter has less than a byte
        raise InvalidInputError(f"{name!r} is no name", hint=f"1 to {MOST_BYTES} bytes")
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def encoded(text: str) -> bytes:
    """Return SQL as a server is sent it: bytes that were no UTF-8 are what they were."""
    return text.encode("utf-8", "surrogateescape")


def qualified(schema: str, name: str) -> str:
    """Return the name of what lies in a schema."""
    return f"{identifier(schema)}.{identifier(name)}"


def literal(text: str) -> str:
    """Return a text as SQL writes it, whatever standard_conforming_strings says."""
    doubled = _whole(text).replace("\\", "\\\\").replace("'", "''")
    return f"E'{doubled}'"


def is_name(name: str) -> bool:
    """Tell whether any server takes it, as it stands: no more bytes, and all of them UTF-8."""
    return is_text(name) and 0 < len(name.encode()) <= MOST_BYTES and "\0" not in name


def is_text(name: str) -> bool:
    """Tell whether it is UTF-8, so that it can be said in any database."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _whole(text: str) -> str:
    """Return a text that a server can be sent."""
    if "\0" in text or any("\ud800" <= each <= "\udfff" for each in text if each not in _BYTES):
        raise InvalidInputError(f"{text!r} has what no server takes in a text")
    return text
