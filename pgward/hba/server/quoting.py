"""Names and texts as SQL writes them, wherever they come from. Pure.

A server may lie about standard_conforming_strings, and psql believes it: so nothing is written that
the two ways of reading a backslash read differently (PostgreSQL manual, chapter 4.1.2.2).
"""


def literal(text: str) -> str:
    """Return a text as SQL writes it, whatever standard_conforming_strings says."""
    doubled = text.replace("\\", "\\\\").replace("'", "''")
    return f" E'{doubled}'"


def literal_of_bytes(text: str) -> str:
    """Return the UTF-8 of a text (with what was no UTF-8) as SQL writes it in ASCII alone.

    For a server that may lie about the encoding as well, by which psql tells where a letter ends;
    nothing is converted then, as under the client encoding SQL_ASCII.
    """
    written = "".join(map(_written, text.encode("utf-8", "surrogateescape")))
    return f" E'{written}'"


def _written(byte: int) -> str:
    letter = chr(byte)
    if not letter.isascii() or not letter.isprintable():
        return f"\\x{byte:02x}"
    return letter * 2 if letter in "\\'" else letter


def identifier(name: str) -> str:
    """Return a name as SQL writes it."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
