"""What lines say, read strictly: what the index and the list of database sessions are made of.

The edge's manifest says it, too. But an edge that was taken over could leave a name out there, so
that nobody finds what it was used for.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from pgward.audit.chain.encoding import encode, encode_plainly, msgspec
from pgward.core.clock import parse_rfc3339
from pgward.core.errors import InvalidInputError

NAMED: Final = ("user", "service", "session", "type", "status")
"""The fields by which chunks are found."""

MORE: Final = "*"
"""Stands for the names that are not listed, as they are too many or too long."""

_MOST_NAMES = 200
_MOST_LETTERS = 256
_TIME = re.compile(r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z", re.ASCII)
_EXECUTED = frozenset({"QUERY", "EXECUTE", "FUNCTION_CALL"})
_ABOUT = ("user", "service", "database", "role", "client", "application")
_TEXTS = tuple(dict.fromkeys((*NAMED, *_ABOUT)))
_decode: Any = json.loads if msgspec is None else msgspec.json.decode

_FRACTION = re.compile('"\ue000([0-9.eE+-]+)\ue000"'.encode())


@dataclass(slots=True)
class SessionFacts:
    """What some records say of one database session; counts are of these records alone."""

    id: str
    first_time: str
    about: dict[str, str] = field(default_factory=dict)
    started: str | None = None
    ended: str | None = None
    status: str | None = None
    sqlstate: str | None = None
    end_reason: str | None = None
    statements: int = 0
    errors: int = 0
    denied: int = 0
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """What the lines of a chunk say; ``names`` are those of each kind in ``NAMED``."""

    first_time: datetime
    last_time: datetime
    names: Mapping[str, tuple[str, ...]]
    services: frozenset[str]
    sessions: Mapping[str, SessionFacts]


def read(lines: Iterable[bytes], edge: str) -> Facts:
    """Read verified lines of an edge's; raise InvalidInputError, which names the line.

    Each must be written as `pgward.audit.chain` writes it: a search looks for bytes.
    """
    times: list[str] = []
    found: dict[str, set[str]] = {kind: set() for kind in NAMED}
    adding = [(kind, names.add) for kind, names in found.items()]
    sessions: dict[str, SessionFacts] = {}
    for line in lines:
        record = _record(line)
        _check(record, edge)
        time = record["time"]
        times.append(time)
        for kind, add in adding:
            if (name := record.get(kind)) is not None:
                add(name)
        if (session := record.get("session")) is not None:
            if session not in sessions:
                if len(session) > _MOST_LETTERS or not _storable(session):
                    raise InvalidInputError(f"session in line {record['seq']} is no name")
                sessions[session] = SessionFacts(session, time)
            _note(sessions[session], record)
    if not times:
        raise InvalidInputError("a chunk without lines")
    return Facts(
        first_time=_moment(min(times)),
        last_time=_moment(max(times)),
        names={kind: _listed(names) for kind, names in found.items()},
        services=frozenset(found["service"]),
        sessions=sessions,
    )


def _record(line: bytes) -> dict[str, Any]:
    try:
        quick = _decode(line)
        if isinstance(quick, dict) and encode(quick) == line:
            return quick
    except (ValueError, TypeError, RecursionError):
        pass  # where it is not at fault, the standard library reads it
    try:
        record = json.loads(line)
        if isinstance(record, dict) and (encode_plainly(record) == line or _is_written(line)):
            return record
    except (ValueError, RecursionError):
        pass
    raise InvalidInputError(f"{_which(line)} is not written as a record is")


def _is_written(line: bytes) -> bool:
    """Tell it of a line with fractions, which encoders write in several ways."""
    record = json.loads(line, parse_float=lambda text: f"\ue000{text}\ue000")
    return _FRACTION.sub(rb"\1", encode_plainly(record)) == line


def _which(line: bytes) -> str:
    return "line " + line[:40].decode("ascii", "replace").partition(",")[0].removeprefix('{"seq":')


def _check(record: Mapping[str, Any], edge: str) -> None:
    seq = record.get("seq")
    time = record.get("time")
    if not isinstance(time, str) or not _TIME.fullmatch(time):
        raise InvalidInputError(f"line {seq} has no time in UTC with microseconds")
    _check_day(time[:10])
    if record.get("edge", edge) != edge:
        raise InvalidInputError(f"line {seq} is of another edge")
    if not isinstance(record.get("type"), str):
        raise InvalidInputError(f"line {seq} has no type")
    for name in _TEXTS:
        value = record.get(name)
        if value is not None and type(value) is not str:
            raise InvalidInputError(f"{name} in line {seq} is no text")


def _note(session: SessionFacts, record: Mapping[str, Any]) -> None:
    """Add one record to what is known of its session."""
    if not session.about:
        session.about = _about(record)
    kind, status = record["type"], record.get("status")
    session.first_time = min(session.first_time, record["time"])
    if kind in _EXECUTED:
        session.statements += 1
        session.rows += _count(record.get("rows"))
        session.errors += status == "error"
    session.denied += kind == "DENIED"
    if kind == "SESSION_START":
        session.started = record["time"]
        session.about = _about(record)
    elif kind == "SESSION_END":
        session.ended, session.status = record["time"], _text(status, 16)
        session.sqlstate = _text(record.get("sqlstate"), 5)
        session.end_reason = _text(record.get("reason") or record.get("message"), 1024)


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return min(max(value, 0), 1 << 48)


def _about(record: Mapping[str, Any]) -> dict[str, str]:
    found = {name: _text(record.get(name), _MOST_LETTERS) for name in _ABOUT}
    return {name: value for name, value in found.items() if value is not None}


def _text(value: object, most: int) -> str | None:
    if not isinstance(value, str):
        return None
    return value[:most].replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _listed(names: set[str]) -> tuple[str, ...]:
    good = sorted(name for name in names if len(name) <= _MOST_LETTERS and _storable(name))
    if len(good) == len(names) <= _MOST_NAMES and MORE not in names:
        return tuple(good)
    return (*good[: _MOST_NAMES - 1], MORE)


def _storable(name: str) -> bool:
    """Tell whether every database takes a name: no NUL, and no half of a surrogate pair."""
    return "\0" not in name and not any("\ud800" <= letter <= "\udfff" for letter in name)


@lru_cache(64)
def _check_day(text: str) -> None:
    """Raise InvalidInputError for a day that no month has."""
    _moment(f"{text}T00:00:00Z")


def _moment(text: str) -> datetime:
    try:
        return parse_rfc3339(text)
    except ValueError:
        raise InvalidInputError(f"{text} is no time") from None
