"""The few messages of PostgreSQL's protocol that a login needs (manual, chapter 53.7). Pure."""

import struct

SSL_REQUEST = struct.pack("!II", 8, 80877103)
MOST_ANSWER = 64 * 1024
_PROTOCOL = 196608
_HEADER = 5


class BadMessageError(ValueError):
    """What came is no PostgreSQL message, or is too long for one that a login gets."""


def startup(user: str, database: str | None, application: str = "pgward") -> bytes:
    """Return a startup message; without a database for physical replication."""
    what = ["replication", "true"] if database is None else ["database", database]
    fields = ["user", user, *what, "application_name", application, "client_encoding", "UTF8"]
    body = b"".join(each.encode("utf-8", "surrogateescape") + b"\0" for each in fields) + b"\0"
    return struct.pack("!II", len(body) + 8, _PROTOCOL) + body


def message(kind: bytes, body: bytes = b"") -> bytes:
    """Return a message of a client."""
    return kind + struct.pack("!I", len(body) + 4) + body


def sasl_initial(mechanism: str, data: bytes) -> bytes:
    """Return the message that begins SASL."""
    body = mechanism.encode() + b"\0" + struct.pack("!I", len(data)) + data
    return message(b"p", body)


class Reader:
    """Takes messages out of bytes as they come."""

    def __init__(self, most: int = MOST_ANSWER) -> None:
        self._data = b""
        self._most = most

    def feed(self, data: bytes) -> None:
        """Add what came."""
        self._data += data

    def next(self) -> tuple[bytes, bytes] | None:
        """Return the next message, None when more has to come; raise BadMessageError."""
        if len(self._data) < _HEADER:
            return None
        (length,) = struct.unpack("!I", self._data[1:_HEADER])
        if not 4 <= length <= self._most:  # noqa: PLR2004 - the length counts its own four bytes
            raise BadMessageError("the server's answer is no PostgreSQL message")
        if len(self._data) <= length:
            return None
        found = self._data[:1], self._data[_HEADER : length + 1]
        self._data = self._data[length + 1 :]
        return found


def number(body: bytes) -> int:
    """Return the number that a message begins with; raise BadMessageError."""
    if len(body) < 4:  # noqa: PLR2004 - a number has four bytes
        raise BadMessageError("the server's answer is cut off")
    (found,) = struct.unpack("!I", body[:4])
    return int(found)


def words(body: bytes) -> list[str]:
    """Return the texts of a list that ends with an empty one."""
    return [each.decode("utf-8", "replace") for each in body.split(b"\0") if each]


def error(body: bytes) -> tuple[str, str]:
    """Return an error's SQLSTATE and its message."""
    parts = {each[:1]: each[1:].decode("utf-8", "replace") for each in body.split(b"\0") if each}
    return parts.get(b"C", ""), parts.get(b"M", "")


def row(body: bytes) -> list[str | None]:
    """Return the fields of a DataRow in text form; raise BadMessageError."""
    try:
        return _row(body)
    except struct.error:
        raise BadMessageError("the server's row is cut off") from None


def _row(body: bytes) -> list[str | None]:
    (count,) = struct.unpack("!H", body[:2])
    at, found = 2, list[str | None]()
    for _ in range(count):
        (length,) = struct.unpack("!i", body[at : at + 4])
        at += 4
        found.append(None if length < 0 else body[at : at + length].decode("utf-8", "replace"))
        at += max(length, 0)
    return found


def query(sql: str) -> bytes:
    """Return a simple query."""
    return message(b"Q", sql.encode() + b"\0")
