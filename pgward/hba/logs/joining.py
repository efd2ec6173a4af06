"""One attempt of all that the log says of a connection, and one ending of a session.

Authorized is not yet in: that the role does not exist, or may not log in, PostgreSQL finds after.
So an attempt is held for a moment until something else is said, or nothing for a while.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self

from pgward.hba.logs import messages
from pgward.hba.logs.messages import Said, Stage
from pgward.hba.logs.record import Record

SETTLED = timedelta(seconds=2)
"""So long after it was authorized, a connection that nothing else was said of is in."""
GIVEN_UP = timedelta(seconds=90)
"""Longer than authentication_timeout: who said nothing more has gone."""
MAX_PENDING = 2_000
MAX_OPEN = 5_000
_CUT = 300
_OF_WHO_IS_IN = frozenset({Stage.AUTHENTICATED, Stage.MAPPED, Stage.AUTHORIZED, Stage.CLOSED})


@dataclass(frozen=True, slots=True)
class Attempt:
    """A connection; ``offset`` is where its first message begins, ``outcome`` is None until known.

    ``identity`` is what proved itself (14 and later tell), ``user`` is the role asked for.
    ``outcome`` is ok, denied or failed, for which ``code`` and ``reason`` say why. A ``closed`` one
    tells of the end of a session instead. ``forgeable`` is as in a record.
    """

    offset: int
    time: datetime | None
    pid: int | None = None
    session: str | None = None
    host: str | None = None
    port: int | None = None
    user: str | None = None
    database: str | None = None
    identity: str | None = None
    method: str | None = None
    line: str | None = None
    tls: Mapping[str, str] = field(default_factory=dict)
    replication: bool = False
    authorized: bool = False
    outcome: str | None = None
    code: str = ""
    reason: str | None = None
    seconds: str | None = None
    closed: bool = False
    doubtful: bool = False
    forgeable: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it for the disk."""
        return asdict(self) | {"time": None if self.time is None else self.time.isoformat()}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` returned; TypeError, ValueError or KeyError when it is damaged."""
        time = fields["time"]
        return cls(**{**fields, "time": None if time is None else datetime.fromisoformat(time)})


class Joiner:
    """Fed records in their order; gives attempts whose outcome is known, and endings."""

    def __init__(self) -> None:
        self._pending: dict[str, Attempt] = {}  # the oldest first
        self._open: dict[str, tuple[str | None, str]] = {}  # who is in, and by what
        self._ending: dict[str, str] = {}  # why a session is about to end
        self._latest: datetime | None = None

    def feed(self, record: Record) -> list[Attempt]:
        """Take a record, which may say nothing of a connection."""
        if record.time is not None and not record.doubtful:
            self._latest = max(self._latest or record.time, record.time)
        if record.doubtful:
            self._doubt()
        found = list(self._settled(self._latest))
        said = messages.read(record)
        if said is not None:
            found += self._take(record, said)
        return found

    def settle(self, now: datetime) -> list[Attempt]:
        """Return what is settled as time went by."""
        return list(self._settled(now))

    def end(self) -> list[Attempt]:
        """Return who was authorized, when nothing further will be read."""
        keys = [key for key, attempt in self._pending.items() if attempt.authorized]
        return [attempt for key in keys for attempt in self._end(key)]

    @property
    def waits(self) -> bool:
        """Whether somebody was authorized of whom it is not settled yet."""
        return any(attempt.authorized for attempt in self._pending.values())

    def to_json(self) -> dict[str, Any]:
        """Return what is pending, for the disk."""
        return {
            "pending": [each.to_json() for each in self._pending.values()],
            "open": [[key, *who] for key, who in self._open.items()],
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Go on with what was pending; what is damaged counts as nothing."""
        made = cls()
        try:
            for each in fields.get("pending", ()):
                attempt = Attempt.from_json(each)
                made._pending[attempt.session or ""] = attempt
            made._open = {str(key): (who, str(how)) for key, who, how in fields.get("open", ())}
        except (KeyError, TypeError, ValueError, AttributeError):
            return cls()
        return made

    def _take(self, record: Record, said: Said) -> Iterator[Attempt]:
        if record.session is None or record.doubtful:
            yield from _alone(record, said)
        elif self._is_unannounced(record.session, record, said):
            yield from _alone(replace(record, doubtful=True), said)
        else:
            yield from self._join(record.session, record, said)

    def _join(self, key: str, record: Record, said: Said) -> Iterator[Attempt]:
        if said.stage is Stage.RECEIVED and _is_reused(key):
            yield from self._end(key)  # the process number of one that said no more
            self._open.pop(key, None)
        if said.stage is Stage.CLOSED:
            yield from self._closed(key, record, said)
            return
        if self._is_said_twice(key, said):
            yield from _alone(replace(record, doubtful=True), said)
            return
        attempt = self._pending.pop(key, None)
        if said.stage is Stage.REFUSED and not said.code and self._is_in(key, attempt):
            if attempt is not None:
                self._pending[key] = attempt
                yield from self._end(key)
            self._ending[key] = record.message[:_CUT]
            return
        if attempt is None:
            attempt = _begun(record)
            self._open.pop(key, None)  # it ended, and nothing said so
        attempt = _told(attempt, record, said)
        if attempt.outcome is not None:
            yield attempt
            return
        self._pending[key] = attempt
        if len(self._pending) > MAX_PENDING:
            yield from self._end(next(iter(self._pending)))

    def _is_unannounced(self, key: str, record: Record, said: Said) -> bool:
        """Tell whether somebody is in of whom nothing was received, where a name can be a line."""
        known = key in self._pending or key in self._open
        return record.forgeable and not known and said.stage in _OF_WHO_IS_IN

    def _doubt(self) -> None:
        """Doubt who came in just before what a client wrote: that may be the client's, too."""
        for key, attempt in self._pending.items():
            if attempt.forgeable and attempt.authorized:
                self._pending[key] = replace(attempt, doubtful=True)

    def _is_said_twice(self, key: str, said: Said) -> bool:
        """Tell whether a session is to come in that is in: whoever is in may write to the log."""
        if _is_reused(key):
            return False
        if key in self._open:
            return said.stage is not Stage.REFUSED or bool(said.code)
        attempt = self._pending.get(key)
        return attempt is not None and attempt.authorized and said.stage is not Stage.REFUSED

    def _is_in(self, key: str, attempt: Attempt | None) -> bool:
        return key in self._open if attempt is None else attempt.authorized

    def _closed(self, key: str, record: Record, said: Said) -> Iterator[Attempt]:
        yield from self._end(key)
        who, method = self._open.pop(key, (None, ""))
        attempt = _told(_begun(record), record, said)
        reason = self._ending.pop(key, None)
        yield replace(attempt, identity=who, method=method or None, reason=reason)

    def _end(self, key: str) -> Iterator[Attempt]:
        """Give what is pending under a key: it is in, or has gone."""
        attempt = self._pending.pop(key, None)
        if attempt is None:
            return
        if attempt.authorized:
            self._open[key] = (attempt.identity, attempt.method or "")
            if len(self._open) > MAX_OPEN:
                oldest = next(iter(self._open))
                del self._open[oldest]
                self._ending.pop(oldest, None)
            yield replace(attempt, outcome="ok")
        else:
            reason = "the client went away before it was known who it is"
            yield replace(attempt, outcome="failed", code="given_up", reason=reason)

    def _settled(self, now: datetime | None) -> Iterator[Attempt]:
        if now is None:
            return
        for key, attempt in list(self._pending.items()):
            patience = SETTLED if attempt.authorized else GIVEN_UP
            if attempt.time is None or now - attempt.time >= patience:
                yield from self._end(key)


def _is_reused(key: str) -> bool:
    """Tell whether a later connection may have the same key: a process number may come again."""
    return key.startswith("pid ")


def _begun(record: Record) -> Attempt:
    return Attempt(
        *(record.offset, record.time, record.pid, record.session, record.host, record.port),
        forgeable=record.forgeable,
    )


def _alone(record: Record, said: Said) -> Iterator[Attempt]:
    """Give what stands for itself: nothing tells, or may tell, which connection it belongs to."""
    attempt = _told(_begun(record), record, said)
    if attempt.authorized:
        attempt = replace(attempt, outcome="ok")
    if attempt.outcome is not None:
        yield replace(attempt, doubtful=record.doubtful)


def _told(attempt: Attempt, record: Record, said: Said) -> Attempt:
    """Return an attempt with what a record adds to it."""
    fields = said.fields
    attempt = replace(
        attempt,
        host=record.host or fields.get("host") or attempt.host,
        port=record.port or _number(fields.get("port")) or attempt.port,
        user=_cut(record.user or fields.get("user")) or attempt.user,
        database=_cut(record.database or fields.get("database")) or attempt.database,
        identity=_cut(fields.get("identity")) or attempt.identity,
        method=_cut(fields.get("method")) or attempt.method,
        line=_cut(fields.get("line")) or attempt.line,
    )
    if said.stage is Stage.AUTHORIZED:
        # Its time is when to begin to wait.
        tls = {
            name: fields[name] for name in ("protocol", "cipher", "compression") if name in fields
        }
        return replace(
            attempt,
            authorized=True,
            tls=tls,
            time=record.time or attempt.time,
            replication="replication" in fields,
        )
    if said.stage is Stage.REFUSED:
        shown = {name: fields[name] for name in ("shown_subject", "shown_serial") if name in fields}
        why, more = record.message, fields.get("why", "")
        if more not in why:
            why = f"{why}: {more}"
        return replace(
            attempt,
            outcome="denied",
            code=said.code or "refused",
            reason=why[:_CUT],
            tls={**attempt.tls, **{name: text[:_CUT] for name, text in shown.items()}},
            time=record.time or attempt.time,
        )
    if said.stage is Stage.CLOSED:
        return replace(attempt, outcome="ok", closed=True, seconds=fields["seconds"])
    return attempt


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:_CUT]


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)
