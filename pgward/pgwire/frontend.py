"""What a frontend says: builders of its messages, and readers of their bodies.

Builders return whole messages, readers take a body without type and length and raise WireError.
A statement's text stays bytes: only the session's client_encoding says what they are.
Source: manual, chapter 54.7 "Message Formats".
"""

from collections.abc import Sequence
from typing import NamedTuple

from pgward.pgwire.body import (
    INT32,
    UINT16,
    UINT32,
    Body,
    encoded,
    string,
    uint16s,
    uint32s,
    value,
    values,
)
from pgward.pgwire.errors import WireError
from pgward.pgwire.framing import message

BIND = b"B"
CLOSE = b"C"
COPY_DATA = b"d"
COPY_DONE = b"c"
COPY_FAIL = b"f"
DESCRIBE = b"D"
EXECUTE = b"E"
FLUSH = b"H"
FUNCTION_CALL = b"F"
PARSE = b"P"
PASSWORD = b"p"  # also SASL's and GSSAPI's answers: only what was asked tells which
QUERY = b"Q"
SYNC = b"S"
TERMINATE = b"X"

STATEMENT, PORTAL = b"S", b"P"  # what Describe and Close are about


def query(text: str | bytes) -> bytes:
    """Return a simple query."""
    return message(QUERY, string(text))


def read_query(body: bytes) -> bytes:
    """Return the text of a simple query."""
    packet = Body(body)
    text = packet.string()
    packet.end()
    return text


class Parse(NamedTuple):
    """A statement to prepare; ``types`` are OIDs, 0 where PostgreSQL shall find out."""

    name: str
    text: bytes
    types: tuple[int, ...]


def parse(name: str, text: str | bytes, types: Sequence[int] = ()) -> bytes:
    """Return a request to prepare a statement."""
    return message(PARSE, string(name) + string(text) + uint32s(types))


def read_parse(body: bytes) -> Parse:
    """Return a statement to prepare."""
    packet = Body(body)
    found = Parse(packet.text(), packet.string(), packet.uint32s())
    packet.end()
    return found


class Bind(NamedTuple):
    """A statement's parameters; formats are 0 for text, 1 for binary; one may stand for all."""

    portal: str
    statement: str
    formats: tuple[int, ...]
    values: tuple[bytes | None, ...]
    result_formats: tuple[int, ...]


def bind(
    portal: str,
    statement: str,
    given: Sequence[bytes | None] = (),
    *,
    formats: Sequence[int] = (),
    result_formats: Sequence[int] = (),
) -> bytes:
    """Return a request to give a statement its parameters, which makes a portal."""
    names = string(portal) + string(statement)
    return message(BIND, names + uint16s(formats) + values(given) + uint16s(result_formats))


def read_bind(body: bytes) -> Bind:
    """Return a statement's parameters."""
    packet = Body(body)
    names = packet.text(), packet.text()
    found = Bind(*names, packet.uint16s(), packet.values(), packet.uint16s())
    packet.end()
    return found


class Named(NamedTuple):
    """What Describe and Close are about: a STATEMENT or a PORTAL, and its name."""

    kind: bytes
    name: str


def describe(kind: bytes, name: str = "") -> bytes:
    """Return a request to describe a STATEMENT or a PORTAL."""
    return message(DESCRIBE, kind + string(name))


def read_describe(body: bytes) -> Named:
    """Return what is to be described."""
    return _named(body)


def close(kind: bytes, name: str = "") -> bytes:
    """Return a request to forget a STATEMENT or a PORTAL."""
    return message(CLOSE, kind + string(name))


def read_close(body: bytes) -> Named:
    """Return what is to be forgotten."""
    return _named(body)


def _named(body: bytes) -> Named:
    packet = Body(body)
    found = Named(packet.octets(1), packet.text())
    packet.end()
    if found.kind not in {STATEMENT, PORTAL}:
        raise WireError("a message names neither a statement nor a portal")
    return found


class Execute(NamedTuple):
    """A portal to run; ``most_rows`` is 0 for all."""

    portal: str
    most_rows: int


def execute(portal: str = "", most_rows: int = 0) -> bytes:
    """Return a request to run a portal."""
    return message(EXECUTE, string(portal) + INT32.pack(most_rows))


def read_execute(body: bytes) -> Execute:
    """Return the portal to run."""
    packet = Body(body)
    found = Execute(packet.text(), packet.int32())
    packet.end()
    return found


class FunctionCall(NamedTuple):
    """A function to call by its OID; formats as in Bind."""

    oid: int
    formats: tuple[int, ...]
    values: tuple[bytes | None, ...]
    result_format: int


def function_call(
    oid: int,
    given: Sequence[bytes | None] = (),
    *,
    formats: Sequence[int] = (),
    result_format: int = 0,
) -> bytes:
    """Return a request to call a function."""
    body = UINT32.pack(oid) + uint16s(formats) + values(given) + UINT16.pack(result_format)
    return message(FUNCTION_CALL, body)


def read_function_call(body: bytes) -> FunctionCall:
    """Return the function to call."""
    packet = Body(body)
    found = FunctionCall(packet.uint32(), packet.uint16s(), packet.values(), packet.uint16())
    packet.end()
    return found


def sync() -> bytes:
    """Return the end of a pipeline: errors are forgotten behind it."""
    return message(SYNC)


def flush() -> bytes:
    """Return a request to send what is there already."""
    return message(FLUSH)


def terminate() -> bytes:
    """Return a farewell."""
    return message(TERMINATE)


def copy_data(data: bytes) -> bytes:
    """Return a piece of a COPY, which need not end where a row does."""
    return message(COPY_DATA, data)


def copy_done() -> bytes:
    """Return that a COPY is complete."""
    return message(COPY_DONE)


def copy_fail(why: str) -> bytes:
    """Return that a COPY failed on the frontend's side."""
    return message(COPY_FAIL, string(why))


def read_copy_fail(body: bytes) -> str:
    """Return why a COPY failed on the frontend's side."""
    packet = Body(body)
    why = packet.text()
    packet.end()
    return why


def password(secret: str | bytes) -> bytes:
    """Return a password, in clear text or hashed with MD5."""
    return message(PASSWORD, string(secret))


def read_password(body: bytes) -> bytes:
    """Return the password."""
    packet = Body(body)
    secret = packet.string()
    packet.end()
    return secret


class SaslInitial(NamedTuple):
    """The mechanism that a frontend chose, and its first message where there is one."""

    mechanism: str
    data: bytes | None


def sasl_initial(mechanism: str, data: bytes | None) -> bytes:
    """Return the choice of a mechanism with its first message."""
    return message(PASSWORD, string(mechanism) + value(data))


def read_sasl_initial(body: bytes) -> SaslInitial:
    """Return the mechanism and its first message."""
    packet = Body(body)
    found = SaslInitial(packet.text(), packet.value())
    packet.end()
    return found


def sasl_response(data: bytes | str) -> bytes:
    """Return a further message of a mechanism."""
    return message(PASSWORD, encoded(data))
