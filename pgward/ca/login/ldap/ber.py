"""BER (X.690) as LDAP restricts it (RFC 4511 section 5.1): definite lengths, primitive strings.

Unlike DER, lengths need not be minimal: Active Directory writes four bytes for each.
"""

from pgward.ca.login.ldap.errors import LdapProtocolError

BOOLEAN, INTEGER, OCTET_STRING, ENUMERATED, SEQUENCE, SET = 0x01, 0x02, 0x04, 0x0A, 0x30, 0x31
_LONG = 0x80
_MOST_LENGTH_BYTES = 4
_MOST_NUMBER_BYTES = 8


def value(tag: int, *contents: bytes) -> bytes:
    """Write one value."""
    body = b"".join(contents)
    size = len(body)
    if size < _LONG:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG | len(length))) + length + body


def integer(number: int, tag: int = INTEGER) -> bytes:
    """Write an integer, or an enumerated."""
    return value(tag, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def boolean(truth: bool, tag: int = BOOLEAN) -> bytes:
    """Write a boolean."""
    return value(tag, b"\xff" if truth else b"\0")


def string(text: str | bytes, tag: int = OCTET_STRING) -> bytes:
    """Write text in UTF-8, or bytes."""
    return value(tag, text.encode() if isinstance(text, str) else text)


def size_of(data: bytes, at: int = 0) -> tuple[int, int] | None:
    """Return where the contents of a value start and end; None while its length is not there.

    Raises LdapProtocolError for lengths that LDAP does not have.
    """
    if len(data) < at + 2:
        return None
    first = data[at + 1]
    if first < _LONG:
        return at + 2, at + 2 + first
    count = first & ~_LONG
    if not 1 <= count <= _MOST_LENGTH_BYTES:
        raise LdapProtocolError("the LDAP server sent a length that LDAP does not have")
    start = at + 2 + count
    if len(data) < start:
        return None
    return start, start + int.from_bytes(data[at + 2 : start], "big")


class Reader:
    """Reads the values of ``data`` in their order; raises LdapProtocolError."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def tag(self) -> int | None:
        """The tag of the next value; None at the end."""
        return self._data[self._at] if self._at < len(self._data) else None

    def read(self, tag: int) -> bytes:
        """Return the contents of the next value, which must have this tag."""
        if self.tag != tag:
            raise LdapProtocolError("the LDAP server sent a value of another kind than it should")
        return self.any()

    def any(self) -> bytes:
        """Return the contents of the next value, whatever it is."""
        found = size_of(self._data, self._at)
        if found is None or found[1] > len(self._data):
            raise LdapProtocolError("the LDAP server sent a value that is cut off")
        self._at = found[1]
        return self._data[found[0] : found[1]]

    def enter(self, tag: int = SEQUENCE) -> "Reader":
        """Return a reader of what is inside the next value."""
        return Reader(self.read(tag))

    def integer(self, tag: int = INTEGER) -> int:
        """Return an integer, or an enumerated."""
        found = self.read(tag)
        if not 1 <= len(found) <= _MOST_NUMBER_BYTES:
            raise LdapProtocolError("the LDAP server sent a number that is none")
        return int.from_bytes(found, "big", signed=True)

    def text(self, tag: int = OCTET_STRING) -> str:
        """Return text; what is not UTF-8 comes as replacement characters."""
        return self.read(tag).decode("utf-8", "replace")
