"""The exchanges that nearly all traffic consists of, made records of at a fifth of the cost.

A usual exchange is one frame of the client, while nothing else of the session is open, and one
that answers it whole:

- a Query with one statement;
- Bind of a statement that is known, perhaps Describe of the portal, Execute, Sync;
- the same behind a Parse, all without names, as libpq and most drivers do for a statement with
  parameters.

``usual`` returns the record that ``Session`` would make of both, byte for byte, or None for
whatever is not exactly so: then it has changed nothing, and the session is to take both frames.
"""

import re
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from pgward.audit.chain.encoding import encode
from pgward.audit.chain.written import About, Written
from pgward.audit.records import items as it
from pgward.audit.records.items import MOST_REPEATED, Fields, Prepared
from pgward.audit.records.parameters import Given, Value, parameters, read_bind
from pgward.audit.records.requests import Requests
from pgward.audit.records.tags import FORGETTING, read_tag
from pgward.audit.records.texts import prepared
from pgward.audit.records.times import second_bytes
from pgward.audit.redact import suspicious
from pgward.audit.tape.frames import Entry
from pgward.pgwire import frontend
from pgward.pgwire.errors import WireError

_HEADER: Final = struct.Struct("!BI")
_RUN: Final = struct.Struct("!QQ")
_EXECUTE: Final = frontend.execute("") + frontend.sync()
_TAILS: Final = frozenset({_EXECUTE, frontend.describe(b"P") + _EXECUTE})
_NO_TYPES: Final = b"\0\0"
_SHORT: Final = 8  # bytes of a value, too few for a secret and its name
_MICROSECONDS: Final = 1_000_000
_QUERY, _WITH_BIND, _WITH_PARSE = 1, 2, 3
_MOST_KNOWN: Final = 256  # bytes of an answer

_ANSWER: Final = re.compile(
    rb"(?:(1\0\0\0\x04)?(2\0\0\0\x04)(?:n\0\0\0\x04)?)?"  # ParseComplete, BindComplete, NoData
    rb"(?:#\0\0\0\x14(.{16}))?"  # a run of rows
    rb"C(.{4})([^\0]*)\0"
    rb"Z\0\0\0\x05(.)",
    re.DOTALL,
)


Answer = tuple[int, bytes, bool]
"""What one frame of the backend says that answers all that was asked.

How many messages of the client are told of in the record (a Query; Bind and Execute; those and a
Parse), what it adds to the record, as JSON, and whether no transaction is open now.
"""
Asked = tuple[bytes, int, bytes]
"""The type of a record, where its message begins in the frame, and what that says, as JSON."""


def usual(session: Requests, asked: Entry, time: int, data: bytes) -> Written | None:
    """Return the record of what was asked and the answer, if they are as usual.

    ``session`` has been quiet since (``expect``).
    """
    answer = _known(data) if len(data) <= _MOST_KNOWN else read_answer(data)
    if answer is None:
        return None
    position, began, _, _, messages = asked
    count, result, idle = answer
    try:
        if count == _QUERY:
            read = _query(session, messages)
        else:
            read = _execution(session, position, messages, idle=idle, parsed=count == _WITH_PARSE)
    except (struct.error, ValueError, WireError):  # what was asked is cut off, or lies
        return None
    if read is None:
        return None
    kind, at, said = read
    session.numbered = number = session.numbered + count
    if idle and session.portals:
        session.portals.clear()
    fields, about = session.constant
    second, rest = divmod(began, _MICROSECONDS)
    made = (
        b'{"id":"%b%x","type":"%b","time":"%b.%06dZ",%b,"statement":%d,%b,%b,'
        b'"duration_us":%d,"status":"ok"}'
    ) % (
        session.prefix_bytes,
        position + at,
        kind,
        second_bytes(second),
        rest,
        fields,
        number,
        said,
        result,
        time - began if time > began else 0,
    )
    return made, began, about


def is_quiet(session: Requests) -> bool:
    """Tell whether nothing is open that a usual exchange would change, or would be changed by."""
    return not (
        session.queue
        or session.waiting
        or session.dropped
        or session.denied
        or session.large
        or session.fault
        or session.sensitive
        or session.skipping
        or session.copying
    )


def expect(session: Requests) -> None:
    """Let the session's next frame wait for its answer, if that could be the usual one."""
    if is_quiet(session):
        if not session.constant[0]:
            session.constant = constant(session.fields)
        if session.constant[0]:
            session.held = ()


def constant(fields: Fields) -> tuple[bytes, About]:
    """Return the JSON, without braces, that all records of a session share, and whom they name.

    Nothing if there is half a surrogate pair in it: then the whole record is written otherwise.
    """
    about = About(fields.get("user"), fields.get("service"), fields.get("session"))
    try:
        "".join(fields.values()).encode()
    except UnicodeEncodeError:
        return b"", about
    return _inner(fields), about


def read_answer(data: bytes) -> Answer | None:
    """Read a frame of the backend; None if it is no answer to a usual exchange."""
    found = _ANSWER.fullmatch(data)
    if found is None:
        return None
    parse, bind, run, length, tag, status = found.groups()
    count = _WITH_PARSE if parse else _WITH_BIND if bind else _QUERY
    text, number = read_tag(tag)
    if int.from_bytes(length, "big") != len(tag) + 5 or text in FORGETTING:
        return None
    rows, size = (number, -1) if run is None else _RUN.unpack(run)
    told: Fields = {"commands": [text]}
    if rows >= 0:
        told["rows"] = rows
    if size >= 0:
        told["bytes"] = size
    return count, _inner(told), status == b"I"


_known = lru_cache(maxsize=4096)(read_answer)


def _query(session: Requests, data: bytes) -> Asked | None:
    kind, length = _HEADER.unpack_from(data)
    if kind != it.QUERY or length + 1 != len(data) or suspicious(data):
        return None
    if session.statements:
        session.statements.pop("", None)
    return b"QUERY", 0, b'"text":' + encode(data[5:-1].decode("utf-8", "backslashreplace"))


def _execution(
    session: Requests, position: int, data: bytes, *, idle: bool, parsed: bool
) -> Asked | None:
    kind, length = _HEADER.unpack_from(data)
    at = 0
    if parsed:
        if kind != it.PARSE:
            return None
        at = length + 1
        kind, length = _HEADER.unpack_from(data, at)
    end = at + 1 + length
    if kind != it.BIND or data[end:] not in _TAILS:
        return None
    name, of, formats, values = read_bind(data[at + 5 : end])
    statement = _parsed(data[5:at]) if parsed else session.statements.get(of)
    if name or statement is None or statement.name != of:
        return None
    at = len(data) - len(_EXECUTE)
    said = statement.written or _written(statement, f"{session.prefix}{position + at:x}")
    if not said:
        return None
    given = _plain(values, formats, statement) if idle else None
    if given is None:
        shown = parameters(values, formats, statement.types, statement.secret)
        given = b',"parameters":' + encode(shown) if shown else b""
        session.portals[""] = portal = _portal(statement, shown)  # until the transaction ends
        portal.told = f"{session.prefix}{position + at:x}"
    if parsed:
        session.statements[""] = statement
    statement.joined = True
    return b"EXECUTE", at, said + given


def _parsed(body: bytes) -> Prepared | None:
    """Return the statement of a Parse that gives it no name."""
    name, text, rest = body.split(b"\0", 2)
    types = () if rest == _NO_TYPES else frontend.read_parse(body).types
    told, secret = prepared(text)
    return None if name else Prepared("", told, types, secret)


def _written(statement: Prepared, record: str) -> bytes:
    """Return what the record of an execution says of a statement; nothing if a rule was broken."""
    if statement.denied or not statement.about:
        return b""
    statement.tell_in(record)
    named = {"name": statement.name} if statement.name else {}
    about = statement.about
    found = _inner({**named, **about})
    if len(about.get("text", "")) <= MOST_REPEATED:
        statement.written = found
    return found


def _plain(values: list[Given], formats: Sequence[int], statement: Prepared) -> bytes | None:
    """Return the parameters as JSON, if there is none, or one that stands there as it is."""
    if not values:
        return b""
    value = values[0]
    if (
        len(values) == 1
        and isinstance(value, bytes)
        and len(value) < _SHORT
        and value.isalnum()
        and not formats
        and not statement.secret
    ):
        return b',"parameters":["%b"]' % value
    return None


def _portal(statement: Prepared, given: list[Value]) -> Prepared:
    """Return the portal that was executed."""
    portal = Prepared(statement.name, {})
    portal.statement = statement
    portal.parameters = given
    portal.joined = True
    return portal


def _inner(fields: Fields) -> bytes:
    """Return fields as JSON without the braces."""
    return encode(fields)[1:-1]
