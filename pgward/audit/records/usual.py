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
from typing import Final, NamedTuple

from pgward.audit.chain.encoding import encode
from pgward.audit.chain.written import About, Written
from pgward.audit.records import items as it
from pgward.audit.records.items import Fields, Prepared
from pgward.audit.records.parameters import Given, parameters, read_bind
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
_MOST_KNOWN: Final = 256  # bytes of an answer

_ANSWER: Final = re.compile(
    rb"(?:(1\0\0\0\x04)?(2\0\0\0\x04)(?:n\0\0\0\x04)?)?"  # ParseComplete, BindComplete, NoData
    rb"(?:#\0\0\0\x14(.{16}))?"  # a run of rows
    rb"C(.{4})([^\0]*)\0"
    rb"Z\0\0\0\x05(.)",
    re.DOTALL,
)


class Answer(NamedTuple):
    """What one frame of the backend says that answers all that was asked."""

    parsed: bool
    bound: bool
    told: bytes  # of a record, as JSON without braces
    idle: bool  # no transaction is open now


def usual(session: Requests, asked: Entry, time: int, data: bytes) -> Written | None:
    """Return the record of what was asked and the answer, if they are as usual.

    ``session`` has been quiet since (``expect``).
    """
    answer = _known(data) if len(data) <= _MOST_KNOWN else read_answer(data)
    if answer is None:
        return None
    try:
        if answer.bound:
            return _execution(session, asked, time, answer)
        return _query(session, asked, time, answer)
    except (struct.error, ValueError, WireError):  # what was asked is cut off, or lies
        return None


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
    text, number = read_tag(tag)
    if int.from_bytes(length, "big") != len(tag) + 5 or text in FORGETTING:
        return None
    rows, size = (number, -1) if run is None else _RUN.unpack(run)
    told: Fields = {"commands": [text]}
    if rows >= 0:
        told["rows"] = rows
    if size >= 0:
        told["bytes"] = size
    return Answer(parse is not None, bind is not None, _inner(told), status == b"I")


_known = lru_cache(maxsize=4096)(read_answer)


def _query(session: Requests, asked: Entry, time: int, answer: Answer) -> Written | None:
    position, began, _, _, data = asked
    kind, length = _HEADER.unpack_from(data)
    if kind != it.QUERY or length + 1 != len(data) or suspicious(data):
        return None
    if session.statements:
        session.statements.pop("", None)
    if session.portals and answer.idle:
        session.portals.clear()
    session.numbered = number = session.numbered + 1
    fields, about = session.constant
    second, rest = divmod(began, _MICROSECONDS)
    made = (
        b'{"id":"%b%x","type":"QUERY","time":"%b.%06dZ",%b,"statement":%d,"text":%b,%b,'
        b'"duration_us":%d,"status":"ok"}'
    ) % (
        session.prefix_bytes,
        position,
        second_bytes(second),
        rest,
        fields,
        number,
        encode(data[5:-1].decode("utf-8", "backslashreplace")),
        answer.told,
        time - began if time > began else 0,
    )
    return made, began, about


def _execution(session: Requests, asked: Entry, time: int, answer: Answer) -> Written | None:
    position, began, _, _, data = asked
    kind, length = _HEADER.unpack_from(data)
    at = 0
    if answer.parsed:
        if kind != it.PARSE:
            return None
        at = length + 1
        kind, length = _HEADER.unpack_from(data, at)
    end = at + 1 + length
    if kind != it.BIND or data[end:] not in _TAILS:
        return None
    portal, name, formats, values = read_bind(data[at + 5 : end])
    statement = _parsed(data[5:at]) if answer.parsed else session.statements.get(name)
    if portal or statement is None or statement.name != name:
        return None
    told = statement.written or _written(statement)
    if not told:
        return None
    if answer.parsed:
        session.statements[""] = statement
    shown = _values(session, statement, formats, values, idle=answer.idle)
    statement.joined = True
    session.numbered = number = session.numbered + (3 if answer.parsed else 2)
    fields, about = session.constant
    second, rest = divmod(began, _MICROSECONDS)
    made = (
        b'{"id":"%b%x","type":"EXECUTE","time":"%b.%06dZ",%b,"statement":%d,%b%b,%b,'
        b'"duration_us":%d,"status":"ok"}'
    ) % (
        session.prefix_bytes,
        position + len(data) - len(_EXECUTE),
        second_bytes(second),
        rest,
        fields,
        number,
        told,
        shown,
        answer.told,
        time - began if time > began else 0,
    )
    return made, began, about


def _parsed(body: bytes) -> Prepared | None:
    """Return the statement of a Parse that gives it no name."""
    name, text, rest = body.split(b"\0", 2)
    types = () if rest == _NO_TYPES else frontend.read_parse(body).types
    told, secret = prepared(text)
    return None if name else Prepared("", told, types, secret)


def _written(statement: Prepared) -> bytes:
    """Return what records of executions say of a statement; nothing if a rule was broken."""
    if statement.denied or not statement.about:
        return b""
    named = {"name": statement.name} if statement.name else {}
    statement.written = found = _inner({**named, **statement.about})
    return found


def _values(
    session: Requests,
    statement: Prepared,
    formats: Sequence[int],
    values: list[Given],
    *,
    idle: bool,
) -> bytes:
    """Return the parameters of a portal, which stays open if a transaction does."""
    if idle:
        if session.portals:
            session.portals.clear()
        if not values:
            return b""
        if len(values) == 1 and not formats and not statement.secret:
            (value,) = values
            if isinstance(value, bytes) and len(value) < _SHORT and value.isalnum():
                return b',"parameters":["%b"]' % value
        return b',"parameters":' + encode(
            parameters(values, formats, statement.types, statement.secret)
        )
    portal = Prepared(statement.name, statement.about)
    portal.statement = statement
    portal.parameters = found = parameters(values, formats, statement.types, statement.secret)
    portal.joined = True
    session.portals[""] = portal
    return b',"parameters":' + encode(found) if found else b""


def _inner(fields: Fields) -> bytes:
    """Return fields as JSON without the braces."""
    return encode(fields)[1:-1]
