"""What lines say, read strictly: what the index and the list of database sessions are made of.

The edge's manifest says it, too. But an edge that was taken over could leave a name out there, so
that nobody finds what it was used for.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Final

from pgward.audit.chain.chunk import Part
from pgward.ca.archive import records
from pgward.ca.archive.records import Record
from pgward.core.errors import InvalidInputError

NAMED: Final = ("user", "service", "session", "type", "status")
"""The fields by which chunks are found."""

MORE: Final = "*"
"""Stands for the names that are not listed, as they are too many or too long."""

MOST_ROWS: Final = 1 << 48
"""What no count of rows or bytes goes beyond, whatever a server said."""

_MOST_NAMES = 200
_MOST_LETTERS = 256
_EXECUTED = frozenset({"QUERY", "EXECUTE", "FUNCTION_CALL"})
_BEGIN = "SESSION_START"
_ENDS = frozenset({_BEGIN, "SESSION_END"})
_ABOUT = ("user", "service", "database", "role", "client", "application")
# What few records of a chunk differ in, so that they are counted rather than looked at.
_KIND = attrgetter("session", "edge", "user", "service", "type", "status", "rows")


@dataclass(slots=True)
class SessionFacts:
    """What some records say of one database session; counts are of these records alone."""

    id: str
    first_time: datetime  # of the first record that came
    about: dict[str, str] = field(default_factory=dict)
    started: datetime | None = None
    ended: datetime | None = None
    status: str | None = None
    sqlstate: str | None = None
    end_reason: str | None = None
    statements: int = 0
    errors: int = 0
    denied: int = 0
    rows: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """What the lines of a chunk say; ``names`` are those of each kind in ``NAMED``."""

    first_time: datetime
    last_time: datetime
    names: Mapping[str, tuple[str, ...]]
    services: frozenset[str]
    sessions: Mapping[str, SessionFacts]


def read(parts: Iterable[Part], edge: str) -> Facts:
    """Read verified lines of an edge's, some at a time; raise InvalidInputError, which names one.

    Each must be written as `pgward.audit.chain` writes it: a search looks for bytes.
    """
    gathered = _Gathered(edge)
    for part in parts:
        gathered.add(records.read(part))
    return gathered.facts()


class _Gathered:
    """What records said so far."""

    def __init__(self, edge: str) -> None:
        self._edge = edge
        self._times: list[datetime] = []
        self._names: dict[str, set[str]] = {kind: set() for kind in NAMED}
        self._sessions: dict[str, SessionFacts] = {}

    def add(self, found: Sequence[Record]) -> None:
        """Take the next records."""
        times = [each.time for each in found]
        self._times += (min(times), max(times))
        firsts = {each.session: each for each in reversed(found)}
        for session, first in firsts.items():
            if session is not None and session not in self._sessions:
                self._begin(session, first)
        for said, count in Counter(map(_KIND, found)).items():
            session, edge, user, service, kind, status, rows = said
            if edge is not None and edge != self._edge:
                seq = next(each.seq for each in found if each.edge == edge)
                raise InvalidInputError(f"line {seq} is of another edge")
            for name, value in zip(NAMED, (user, service, session, kind, status), strict=True):
                if value is not None:
                    self._names[name].add(value)
            if session is not None:
                _count(self._sessions[session], kind, status, rows, count)
        self._look(found)

    def _look(self, found: Iterable[Record]) -> None:
        """Take what hardly two records have the same of."""
        for each in found:
            if each.bytes and each.session is not None:
                _carry(self._sessions[each.session], each.bytes)
            if each.type in _ENDS and each.session is not None:
                _note(self._sessions[each.session], each)

    def _begin(self, session: str, first: Record) -> None:
        if len(session) > _MOST_LETTERS or not _storable(session):
            raise InvalidInputError(f"session in line {first.seq} is no name")
        self._sessions[session] = SessionFacts(session, first.time, _about(first))

    def facts(self) -> Facts:
        """Return what all of them said."""
        if not self._times:
            raise InvalidInputError("a chunk without lines")
        return Facts(
            first_time=min(self._times),
            last_time=max(self._times),
            names={kind: _listed(each) for kind, each in self._names.items()},
            services=frozenset(self._names["service"]),
            sessions=self._sessions,
        )


def _note(session: SessionFacts, record: Record) -> None:
    """Take how a session began or ended."""
    if record.type == _BEGIN:
        session.started = record.time
        session.about = _about(record)
    else:
        session.ended, session.status = record.time, _text(record.status, 16)
        session.sqlstate = _text(record.sqlstate, 5)
        session.end_reason = _text(record.reason or record.message, 1024)


def _carry(session: SessionFacts, size: int) -> None:
    """Count bytes of rows, or of COPY in either direction."""
    session.bytes = min(session.bytes + max(size, 0), MOST_ROWS)


def _count(
    session: SessionFacts, kind: str, status: str | None, rows: int | None, times: int
) -> None:
    """Count so many records that are the same in this."""
    if kind in _EXECUTED:
        session.statements += times
        session.rows = min(session.rows + max(rows or 0, 0) * times, MOST_ROWS)
        session.errors += times * (status == "error")
    session.denied += times * (kind == "DENIED")


def _about(record: Record) -> dict[str, str]:
    found = {name: _text(getattr(record, name), _MOST_LETTERS) for name in _ABOUT}
    return {name: value for name, value in found.items() if value is not None}


def _text(value: str | None, most: int) -> str | None:
    if value is None:
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
