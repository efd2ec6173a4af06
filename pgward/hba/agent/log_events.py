"""The duty ``log``: who connected, out of the server's own log, to the CA."""

import logging
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pgward.core.errors import NotFoundError, PgwardError
from pgward.hba.agent.backends import Backend
from pgward.hba.agent.duty import Done, Turn
from pgward.hba.agent.interfaces import Events
from pgward.hba.install.host import Host
from pgward.hba.logs import places
from pgward.hba.logs.events import Certificate
from pgward.hba.logs.following import Follower, place_of
from pgward.hba.logs.position import Position

log = logging.getLogger("pgward.hba")

POSITION_FILE = "log-position.json"
POLL_SECONDS = 1.0
"""How often the log is looked at: a file that grows tells nobody."""
WITHOUT_SECONDS = 60.0
_BATCHES = 50  # a turn, so that its end is seen
_FRESH_SECONDS = 1.0
_REMEMBERED_SECONDS = 30.0
_MOST = 1_000
_APART_SECONDS = 2.0  # between a session's number and when it began, by the same clock


class Sessions(Protocol):
    """The server's sessions that began with a certificate."""

    def every(self) -> list[Backend]:
        """Return them all; raise UnavailableError."""
        ...

    def close(self) -> None:
        """Close the way to them."""
        ...


class LiveCertificates:
    """What pg_stat_ssl says of a session while it lasts; the log tells no serial number."""

    def __init__(self, sessions: Sessions, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._sessions = sessions
        self._monotonic = monotonic
        self._asked_at: float | None = None
        self._known: dict[int, Backend] = {}
        self._before: dict[int, Backend] = {}  # sessions that ended meanwhile

    def of(self, pid: int, session: str | None) -> Certificate | None:
        """Return the certificate of a server process, unless it is another session's by now."""
        self.look()
        backend = self._known.get(pid) or self._before.get(pid)
        if backend is None or not _is_same(backend, session):
            return None
        return Certificate(backend.person, backend.serial_hex)

    def look(self) -> None:
        """Ask the server, if that was long ago: a short session is over when its login is told."""
        now = self._monotonic()
        if self._asked_at is not None and now - self._asked_at < _FRESH_SECONDS:
            return
        if self._asked_at is None or now - self._asked_at > _REMEMBERED_SECONDS:
            self._known = {}
        self._asked_at = now
        try:
            found = {each.pid: each for each in self._sessions.every()}
        except PgwardError as error:
            log.debug("certificates of sessions are not known: %s", error)
            return
        gone = {pid: each for pid, each in self._known.items() if pid not in found}
        self._before = gone if len(self._before) > _MOST else self._before | gone
        self._known = found

    def close(self) -> None:
        """Close the way to the server."""
        self._sessions.close()


class LogEvents:
    """Reads on in the log; an event is on disk before its place in the log counts as read."""

    name = "log"
    follows: frozenset[str] = frozenset()

    def __init__(
        self,
        host: Host,
        events: Events,
        certificates: LiveCertificates,
        *,
        name: str,
        log_file: Path | None = None,
    ) -> None:
        self._host = host
        self._events = events
        self._certificates = certificates
        self._name = name
        self._log_file = log_file
        self._follower: Follower | None = None
        self._kept: Position | None = None
        self._said: str | None = None

    def run(self, turn: Turn) -> Done:
        """Read what came; a server that collects no log is said so once, and no problem."""
        if self._follower is None:
            try:
                self._follower = self._open()
            except NotFoundError as error:
                self._say(f"who connects is not known: {error.message} ({error.hint})")
                return Done(WITHOUT_SECONDS)
        more = all(self._read(self._follower, turn.now) for _ in range(_BATCHES))
        if self._follower.lost:
            self._say("the log that was read last is gone; what came after is missing")
        return Done(0.0 if more else POLL_SECONDS)

    def close(self) -> None:
        """Close the log, and the way to the server."""
        if self._follower is not None:
            self._follower.close()
        self._certificates.close()

    def _read(self, follower: Follower, now: datetime) -> bool:
        batch = follower.read(now)
        if follower.waits:
            self._certificates.look()
        for event in batch.events:
            self._events.append(event.to_json())
        if batch.position is not None and batch.position != self._kept:
            self._host.data_dir.disk.replace(self._path, batch.position.to_bytes())
            self._kept = batch.position
        return batch.more

    def _open(self) -> Follower:
        data_dir = self._host.data_dir
        place = places.find(data_dir, self._log_file)
        for remark in places.remarks(data_dir, place):
            log.warning("log: %s", remark)
        self._kept = Position.read(data_dir.disk.read(self._path))
        return Follower(
            place_of(data_dir, place),
            data_dir.owner,
            self._name,
            start=self._kept,
            from_end=True,  # what was before there was an agent is not its to tell
            certificates=self._certificates,
        )

    @property
    def _path(self) -> Path:
        return self._host.state_dir / POSITION_FILE

    def _say(self, text: str) -> None:
        if text != self._said:
            log.warning("log: %s", text)
            self._said = text


def _is_same(backend: Backend, session: str | None) -> bool:
    """Tell whether a session number (start and process, in hex) is this session's."""
    start, dot, _ = (session or "").partition(".")
    if not dot:
        return True
    try:
        began = datetime.fromisoformat(backend.started).timestamp()
        return abs(began - int(start, 16)) <= _APART_SECONDS
    except ValueError:
        return False
