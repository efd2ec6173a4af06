"""What a backend says: builders of its messages, and readers of their bodies.

Builders return whole messages, readers take a body without type and length and raise WireError.
Source: manual, chapter 54.7 "Message Formats" and 54.8 "Error and Notice Message Fields".
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pgward.pgwire.body import (
    INT16,
    INT32,
    UINT32,
    Body,
    decoded,
    string,
    uint16,
    uint16s,
    uint32s,
    value,
    values,
)
from pgward.pgwire.errors import WireError
from pgward.pgwire.framing import message
from pgward.pgwire.startup import LEAST_KEY, MOST_KEY

AUTHENTICATION = b"R"
BIND_COMPLETE = b"2"
CLOSE_COMPLETE = b"3"
COMMAND_COMPLETE = b"C"
COPY_BOTH = b"W"
COPY_DATA = b"d"
COPY_DONE = b"c"
COPY_IN = b"G"
COPY_OUT = b"H"
DATA_ROW = b"D"
EMPTY_QUERY = b"I"
ERROR = b"E"
FUNCTION_RESULT = b"V"
KEY_DATA = b"K"
NEGOTIATE = b"v"
NO_DATA = b"n"
NOTICE = b"N"
NOTIFICATION = b"A"
PARAMETER_DESCRIPTION = b"t"
PARAMETER_STATUS = b"S"
PARSE_COMPLETE = b"1"
PORTAL_SUSPENDED = b"s"
READY = b"Z"
ROW_DESCRIPTION = b"T"

# What an authentication message asks for.
AUTH_OK = 0
AUTH_KERBEROS = 2
AUTH_CLEAR_TEXT = 3
AUTH_MD5 = 5
AUTH_GSS = 7
AUTH_GSS_GOES_ON = 8
AUTH_SSPI = 9
AUTH_SASL = 10
AUTH_SASL_GOES_ON = 11
AUTH_SASL_ENDS = 12

_ALONE = frozenset({AUTH_OK, AUTH_KERBEROS, AUTH_CLEAR_TEXT, AUTH_GSS, AUTH_SSPI})

IDLE, IN_TRANSACTION, FAILED = b"I", b"T", b"E"  # what ReadyForQuery says of the transaction

# The letters of an error's further fields, by the names of ``error``'s further arguments.
FIELDS: Mapping[str, str] = {
    "detail": "D",
    "hint": "H",
    "position": "P",
    "internal_position": "p",
    "internal_query": "q",
    "where": "W",
    "schema": "s",
    "table": "t",
    "column": "c",
    "data_type": "d",
    "constraint": "n",
    "file": "F",
    "line": "L",
    "routine": "R",
}


def error(
    severity: str,
    sqlstate: str,
    text: str,
    *,
    detail: str | None = None,
    hint: str | None = None,
    **more: str | int | None,
) -> bytes:
    """Return an ErrorResponse; ``more`` is named as in FIELDS. NUL bytes in texts are dropped."""
    return message(ERROR, _fields(severity, sqlstate, text, detail=detail, hint=hint, **more))


def notice(
    severity: str,
    sqlstate: str,
    text: str,
    *,
    detail: str | None = None,
    hint: str | None = None,
    **more: str | int | None,
) -> bytes:
    """Return a NoticeResponse, as ``error`` does."""
    return message(NOTICE, _fields(severity, sqlstate, text, detail=detail, hint=hint, **more))


def _fields(severity: str, sqlstate: str, text: str, **more: str | int | None) -> bytes:
    found: list[tuple[str, object]] = [("S", severity), ("V", severity)]
    found += [("C", sqlstate), ("M", text)]
    found += [(FIELDS[name], each) for name, each in more.items() if each not in {None, ""}]
    return fields(found)


def fields(found: Sequence[tuple[str, object]]) -> bytes:
    """Return an error's body from its fields and their letters, in order."""
    texts = [letter + str(text).replace("\0", "") for letter, text in found]
    return b"".join(map(string, texts)) + b"\0"


def read_fields(body: bytes) -> dict[str, str]:
    """Return an error's or notice's fields by their letters, for people to read."""
    packet, found = Body(body), dict[str, str]()
    while field := packet.string():
        found[chr(field[0])] = field[1:].decode("utf-8", "replace")
    packet.end()
    return found


def authentication(asked: int, data: bytes = b"") -> bytes:
    """Return an authentication message: one of the AUTH_ numbers, and what belongs to it."""
    return message(AUTHENTICATION, UINT32.pack(asked) + data)


def authentication_md5(salt: bytes) -> bytes:
    """Return the question for a password hashed with four bytes of salt."""
    return authentication(AUTH_MD5, salt)


def authentication_sasl(mechanisms: Sequence[str]) -> bytes:
    """Return the question for a proof by one of these mechanisms, the preferred first."""
    return authentication(AUTH_SASL, b"".join(map(string, mechanisms)) + b"\0")


def read_authentication(body: bytes) -> tuple[int, bytes]:
    """Return what is asked for, one of the AUTH_ numbers, and what belongs to it."""
    packet = Body(body)
    asked = packet.uint32()
    if asked in _ALONE:
        packet.end()
    return asked, packet.rest()


def read_mechanisms(data: bytes) -> tuple[str, ...]:
    """Return the names in the question for SASL."""
    packet, found = Body(data), list[str]()
    while name := packet.text():
        found.append(name)
    packet.end()
    return tuple(found)


def parameter_status(name: str, text: str) -> bytes:
    """Return what a run-time parameter is."""
    return message(PARAMETER_STATUS, string(name) + string(text))


def read_parameter_status(body: bytes) -> tuple[str, str]:
    """Return the name of a run-time parameter, and what it is."""
    packet = Body(body)
    found = packet.text(), packet.text()
    packet.end()
    return found


def key_data(pid: int, key: bytes) -> bytes:
    """Return what a client cancels queries with; raise WireError for a key of a wrong length."""
    _check_key(key)
    return message(KEY_DATA, UINT32.pack(pid & 0xFFFF_FFFF) + key)


def read_key_data(body: bytes) -> tuple[int, bytes]:
    """Return the process id, without a sign, and the key that queries are cancelled with."""
    packet = Body(body)
    pid, key = packet.uint32(), packet.rest()
    _check_key(key)
    return pid, key


def _check_key(key: bytes) -> None:
    if not LEAST_KEY <= len(key) <= MOST_KEY:
        raise WireError(f"a cancel key has {LEAST_KEY} to {MOST_KEY} bytes, not {len(key)}")


class Negotiation(NamedTuple):
    """The newest minor version that is spoken, and the options that are not known."""

    minor: int
    unrecognised: tuple[str, ...]


def read_negotiation(body: bytes) -> Negotiation:
    """Return what NegotiateProtocolVersion says (``startup.negotiate`` is its builder)."""
    packet = Body(body)
    version, count = packet.uint32(), packet.uint32()
    # PostgreSQL sends the major version, too; the manual can be read as if it did not.
    if version >> 16 not in {0, 3}:
        raise WireError(f"version {version >> 16} of the protocol is negotiated")
    if count > packet.left:
        raise WireError("a message is shorter than what it should hold")
    found = Negotiation(version & 0xFFFF, tuple([packet.text() for _ in range(count)]))
    packet.end()
    return found


def ready(status: bytes = IDLE) -> bytes:
    """Return ReadyForQuery with IDLE, IN_TRANSACTION or FAILED."""
    return message(READY, status)


def read_ready(body: bytes) -> bytes:
    """Return IDLE, IN_TRANSACTION or FAILED."""
    if body not in {IDLE, IN_TRANSACTION, FAILED}:
        raise WireError("a transaction's status is none")
    return body


def command_complete(tag: str) -> bytes:
    """Return that a statement ended, with its tag, as "INSERT 0 1"."""
    return message(COMMAND_COMPLETE, string(tag))


def read_command_complete(body: bytes) -> str:
    """Return the tag of a statement that ended."""
    packet = Body(body)
    tag = packet.text()
    packet.end()
    return tag


class Column(NamedTuple):
    """A column of an answer; ``type`` is an OID, ``table`` one or 0, ``format`` 0 for text."""

    name: str
    type: int = 25
    format: int = 0
    table: int = 0
    attribute: int = 0
    size: int = -1
    modifier: int = -1


def row_description(columns: Sequence[Column]) -> bytes:
    """Return what the rows that follow consist of."""
    body = [uint16(len(columns))]
    for column in columns:
        body += [string(column.name), UINT32.pack(column.table), INT16.pack(column.attribute)]
        body += [UINT32.pack(column.type), INT16.pack(column.size)]
        body += [INT32.pack(column.modifier), INT16.pack(column.format)]
    return message(ROW_DESCRIPTION, b"".join(body))


def read_row_description(body: bytes) -> tuple[Column, ...]:
    """Return the columns of an answer."""
    packet, found = Body(body), list[Column]()
    for _ in range(packet.uint16()):
        name, table, attribute = packet.text(), packet.uint32(), packet.int16()
        oid, size, modifier, form = packet.uint32(), packet.int16(), packet.int32(), packet.int16()
        found.append(Column(name, oid, form, table, attribute, size, modifier))
    packet.end()
    return tuple(found)


def data_row(row: Sequence[bytes | None]) -> bytes:
    """Return a row; None is NULL."""
    return message(DATA_ROW, values(row))


def read_data_row(body: bytes) -> tuple[bytes | None, ...]:
    """Return the values of a row; None is NULL."""
    packet = Body(body)
    found = packet.values()
    packet.end()
    return found


def parameter_description(types: Sequence[int]) -> bytes:
    """Return the types, OIDs, of a statement's parameters."""
    return message(PARAMETER_DESCRIPTION, uint32s(types))


def read_parameter_description(body: bytes) -> tuple[int, ...]:
    """Return the types, OIDs, of a statement's parameters."""
    packet = Body(body)
    found = packet.uint32s()
    packet.end()
    return found


class Copy(NamedTuple):
    """The format of a COPY, 0 for text, and those of its columns."""

    format: int
    columns: tuple[int, ...]


def copy_response(kind: bytes, form: int, columns: Sequence[int]) -> bytes:
    """Return COPY_IN, COPY_OUT or COPY_BOTH with the format, and those of the columns."""
    return message(kind, bytes([form]) + uint16s(columns))


def read_copy_response(body: bytes) -> Copy:
    """Return the formats of a COPY that begins."""
    packet = Body(body)
    found = Copy(packet.octets(1)[0], packet.uint16s())
    packet.end()
    return found


class Notification(NamedTuple):
    """What NOTIFY said."""

    pid: int
    channel: str
    payload: str


def notification(pid: int, channel: str, payload: str) -> bytes:
    """Return what NOTIFY says to those who listen."""
    return message(NOTIFICATION, UINT32.pack(pid) + string(channel) + string(payload))


def read_notification(body: bytes) -> Notification:
    """Return what NOTIFY said."""
    packet = Body(body)
    found = Notification(packet.uint32(), packet.text(), packet.text())
    packet.end()
    return found


def function_result(data: bytes | None) -> bytes:
    """Return what a function that FunctionCall called gave back."""
    return message(FUNCTION_RESULT, value(data))


def read_function_result(body: bytes) -> bytes | None:
    """Return what a function that FunctionCall called gave back."""
    packet = Body(body)
    found = packet.value()
    packet.end()
    return found


def crude_error(data: bytes) -> str | None:
    """Return the text of an error without a length, None when ``data`` begins with no such.

    A postmaster that cannot start a process for a connection still says so in version 2's way.
    """
    head, nul, _ = data.partition(b"\0")
    if head[:1] != ERROR or not nul or not head[1:].strip():
        return None
    return decoded(head[1:]).strip()
