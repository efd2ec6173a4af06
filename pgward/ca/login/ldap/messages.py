"""The messages of LDAP that a login needs (RFC 4511 section 4), sans-I/O.

Requests are written; of what comes, ``Incoming`` returns one message after the other, or nothing
while one is not complete, or raises LdapProtocolError. Sizes are bounded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from pgward.ca.login.ldap import ber
from pgward.ca.login.ldap.errors import LdapProtocolError

MOST_BYTES = 4 * 1024 * 1024  # of one message: groups with ten thousands of members are large
_BIND, _BIND_DONE, _UNBIND, _SEARCH = 0x60, 0x61, 0x42, 0x63
_ENTRY, _DONE, _REFERENCE, _EXTENDED, _EXTENDED_DONE = 0x64, 0x65, 0x73, 0x77, 0x78
_CONTROLS, _REFERRAL, _SIMPLE = 0xA0, 0xA3, 0x80
_RESPONSE_NAME, _REQUEST_NAME = 0x8A, 0x80
_START_TLS = "1.3.6.1.4.1.1466.20037"
_PAGED = "1.2.840.113556.1.4.319"  # RFC 2696
_NEVER_DEREFERENCE = 0
_VERSION = 3


class Scope(IntEnum):
    """How far below its base a search looks."""

    BASE = 0
    ONE = 1
    SUB = 2


class Code(IntEnum):
    """The results that mean something to us (RFC 4511 appendix A.1)."""

    SUCCESS = 0
    SIZE_LIMIT = 4
    REFERRAL = 10
    NO_SUCH_OBJECT = 32
    INVALID_CREDENTIALS = 49
    BUSY = 51
    UNAVAILABLE = 52


@dataclass(frozen=True, slots=True)
class Result:
    """How a request ended; ``cookie`` goes on with a search that has more pages."""

    id: int
    code: int
    diagnostic: str = ""
    cookie: bytes = b""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that a search found; attribute names are in lower case, without options."""

    id: int
    dn: str
    attributes: Mapping[str, Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class Reference:
    """A place elsewhere that the server would have us ask: we do not."""

    id: int


Message = Result | Entry | Reference


def bind(number: int, dn: str, password: str) -> bytes:
    """Write a simple bind; without a password it would be anonymous, and prove nothing."""
    if not dn or not password:
        raise ValueError("a bind without a name or a password proves nothing")
    body = (ber.integer(_VERSION), ber.string(dn), ber.string(password, _SIMPLE))
    return _message(number, ber.value(_BIND, *body))


def search(
    number: int,
    base: str,
    scope: Scope,
    wanted: bytes,
    attributes: Sequence[str],
    *,
    limit: int,
    seconds: int,
    page: int = 0,
    cookie: bytes = b"",
) -> bytes:
    """Write a search with an encoded filter; ``page`` is how many entries may come at once."""
    body = (
        ber.string(base),
        ber.integer(scope, ber.ENUMERATED),
        ber.integer(_NEVER_DEREFERENCE, ber.ENUMERATED),
        ber.integer(limit),
        ber.integer(seconds),
        ber.boolean(False),
        wanted,
        ber.value(ber.SEQUENCE, *map(ber.string, attributes)),
    )
    controls = b""
    if page:
        asked = ber.value(ber.SEQUENCE, ber.integer(page), ber.string(cookie))
        control = (ber.string(_PAGED), ber.boolean(True), ber.string(asked))
        controls = ber.value(_CONTROLS, ber.value(ber.SEQUENCE, *control))
    return _message(number, ber.value(_SEARCH, *body) + controls)


def start_tls(number: int) -> bytes:
    """Write the request to go on inside TLS (RFC 4511 section 4.14)."""
    return _message(number, ber.value(_EXTENDED, ber.string(_START_TLS, _REQUEST_NAME)))


def unbind(number: int) -> bytes:
    """Write the good-bye, which has no answer."""
    return _message(number, ber.value(_UNBIND))


def _message(number: int, operation: bytes) -> bytes:
    return ber.value(ber.SEQUENCE, ber.integer(number), operation)


class Incoming:
    """Bytes of a server, as they come; messages as they are complete."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._data = bytearray()
        self._most = most

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left that was not returned."""
        return not self._data

    def feed(self, data: bytes) -> None:
        """Take more bytes."""
        self._data += data

    def next(self) -> Message | None:
        """Return the next message; None when more bytes are needed."""
        if self._data and self._data[0] != ber.SEQUENCE:
            raise LdapProtocolError("the server does not speak LDAP")
        found = ber.size_of(bytes(self._data[:6]))
        if found is None:
            return None
        start, end = found
        if end > self._most:
            raise LdapProtocolError(f"the LDAP server sent more than {self._most} bytes at once")
        if len(self._data) < end:
            return None
        body = bytes(self._data[start:end])
        del self._data[:end]
        return _read(body)


def _read(body: bytes) -> Message:
    reader = ber.Reader(body)
    number = reader.integer()
    tag, operation = reader.tag, ber.Reader(reader.any())
    if tag == _ENTRY:
        return _entry(number, operation)
    if tag == _REFERENCE:
        return Reference(number)
    if tag in (_BIND_DONE, _DONE, _EXTENDED_DONE):
        cookie = _cookie(reader) if reader.tag == _CONTROLS else b""
        return _result(number, operation, cookie)
    raise LdapProtocolError("the LDAP server sent a message that nobody asked for")


def _result(number: int, reader: ber.Reader, cookie: bytes) -> Result:
    code = reader.integer(ber.ENUMERATED)
    reader.read(ber.OCTET_STRING)  # matchedDN
    return Result(number, code, reader.text(), cookie)


def _entry(number: int, reader: ber.Reader) -> Entry:
    dn = reader.text()
    attributes: dict[str, list[bytes]] = {}
    listed = reader.enter()
    while listed.tag is not None:
        attribute = listed.enter()
        name = attribute.text().partition(";")[0].lower()
        values = attribute.enter(ber.SET)
        into = attributes.setdefault(name, [])
        while values.tag is not None:
            into.append(values.read(ber.OCTET_STRING))
    return Entry(number, dn, attributes)


def _cookie(reader: ber.Reader) -> bytes:
    controls = reader.enter(_CONTROLS)
    while controls.tag is not None:
        control = controls.enter()
        kind = control.text()
        if control.tag == ber.BOOLEAN:
            control.any()
        if kind == _PAGED:
            page = ber.Reader(control.read(ber.OCTET_STRING)).enter()
            page.integer()  # an estimate of how many there are
            return page.read(ber.OCTET_STRING)
    return b""
