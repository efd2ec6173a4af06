"""Names and texts as SQL writes them, wherever they come from. Pure.

What PostgreSQL could not take as it stands is refused: a zero byte, letters that are no UTF-8
(manual, chapter 4.1.1), and a name that would be cut, which would then name something else.
"""

from pgward.access.rights import MOST_BYTES
from pgward.core.errors import InvalidInputError


def identifier(name: str) -> str:
    """Return a name as SQL writes it; raise InvalidInputError for what is none."""
    if not name or len(_whole(name).encode()) > MOST_BYTES:
        raise InvalidInputError(f"{name!r} is no name", hint=f"1 to {MOST_BYTES} bytes")
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def qualified(schema: str, name: str) -> str:
    """Return the name of what lies in a schema."""
    return f"{identifier(schema)}.{identifier(name)}"


def literal(text: str) -> str:
    """Return a text as SQL writes it, whatever standard_conforming_strings says."""
    doubled = _whole(text).replace("\\", "\\\\").replace("'", "''")
    return f"E'{doubled}'"


def is_name(name: str) -> bool:
    """Tell whether ``identifier`` takes it."""
    try:
        identifier(name)
    except InvalidInputError:
        return False
    return True


def _whole(text: str) -> str:
    """Return a text that a server can be sent."""
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InvalidInputError(f"{text!r} has what no server takes in a text")
    return text
