"""An aware session that runs: its relay, its limits of time, and its end."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from pgward.audit.tape.frames import CLOSE, NOTE, TapeFullError
from pgward.client.edge_calls import LoginFacts
from pgward.client.phrases import counted
from pgward.core.errors import PgwardError
from pgward.tunnel.aware.pending import Tape
from pgward.tunnel.aware_relay import AwareRelay
from pgward.tunnel.edge.aware.recorded import Recorded
from pgward.tunnel.edge.aware.refusals import no_room
from pgward.tunnel.edge.aware.standing import Standing
from pgward.tunnel.edge.carrying import (
    ENDED,
    FAULT,
    IDLE,
    IDLE_IN_TRANSACTION,
    NO_ROOM,
    RULES,
    SESSION_TIMEOUT,
    Parting,
)
from pgward.tunnel.edge.metrics.meter import traffic
from pgward.tunnel.edge.state import EdgeState, Service
from pgward.tunnel.edge.state_postgres import PostgresService, TimeLimits
from pgward.tunnel.edge.upstreams.values import Upstream
from pgward.tunnel.preface import Reason, RefusedError

log = logging.getLogger("pgward.edge")

GRACE_SECONDS = 60.0
"""How long a transaction may hold up the end of a session whose time is over."""

ADMIN_SHUTDOWN = "57P01"
IDLE_SESSION_TIMEOUT = "57P05"
IDLE_IN_TRANSACTION_TIMEOUT = "25P03"
_TOO_MUCH = "it says more than can be put on record so fast"
# What ends a session in one way only; others say why as they end it.
_CUTS = {
    IDLE_SESSION_TIMEOUT: IDLE,
    IDLE_IN_TRANSACTION_TIMEOUT: IDLE_IN_TRANSACTION,
    "53100": NO_ROOM,
    "08P01": Reason.PROTOCOL.name.lower(),
    "XX000": FAULT,
}


@dataclass(slots=True, eq=False)
class Live:
    """One session; ``number`` is its own on tape, ``id`` the one on record.

    ``key`` is what its client cancels with.

    ``on_close`` is called once it is over, and ``ask`` when the CA is to be asked about the login:
    it calls ``know``. Times are the event loop's.
    """

    number: int
    id: str
    key: tuple[int, bytes]
    relay: AwareRelay
    upstream: Upstream
    tape: Tape
    limits: TimeLimits
    began: float
    cancel: Callable[[], None]
    on_close: Callable[["Live"], None]
    ask: Callable[["Live"], None]
    standing: Standing | None = None
    first: bytes = b""
    is_told: bool = False
    _closed: bool = False
    _cut: str = FAULT
    _warned: set[str] = field(default_factory=set)
    _retired: str | None = None
    _held: tuple[EdgeState, Service] | None = None
    _over_since: tuple[float, int] | None = None
    _busy: tuple[float, int] | None = None
    _asked_to_end: bool | None = None

    @property
    def cut(self) -> str | None:
        """Why the edge has ended it, as in ``Carrying``."""
        if self.relay.ended_by is None:
            return None
        return _CUTS.get(self.relay.ended_by[0], self._cut)

    def start(self) -> None:
        """Begin to carry: what the client said behind its login, and PostgreSQL behind its own."""
        first, self.first = self.first, b""
        self.relay.start(first, self.upstream.rest)

    def adopt(self, state: EdgeState, service: Service) -> None:
        """Go on under a newer configuration; raise RefusedError if the session must end.

        One that began without rules for statements has them from now on, and ends soon: what it
        prepared before nobody has seen. Where rules look at a login of which nobody asked the CA
        yet, it is asked first, and the session goes on as it is for these seconds.
        """
        if self.standing is None or service.postgres is None:
            raise RefusedError(Reason.DENIED, "the service has changed", hint="connect again")
        if self.standing.lacks_login(service.postgres):
            is_asked, self._held = self._held is not None, (state, service)
            if not is_asked:
                self.ask(self)
            return
        self._held = None
        self._adopt(self.standing, state, service.name, service.postgres)

    def know(self, login: LoginFacts | None) -> None:
        """Hear what the CA says of the login, and go on under the configuration that waited."""
        held, self._held = self._held, None
        if self._closed or held is None or self.standing is None:
            return
        state, service = held
        if login is not None:
            self.standing.know(login)
        if service.postgres is None:
            return
        try:
            self._adopt(self.standing, state, service.name, service.postgres)
        except RefusedError as refusal:
            if not self.relay.idle:
                self.cancel()
            self._cut = refusal.reason.name.lower()
            self.relay.end(ADMIN_SHUTDOWN, refusal.message, hint=refusal.hint, force=True)

    def _adopt(
        self, standing: Standing, state: EdgeState, name: str, postgres: PostgresService
    ) -> None:
        ruler, recorded = standing.ruler, standing.recorded
        was_ruled = ruler.every
        standing.adopt(state, name, postgres)
        self.limits = postgres.limits
        if ruler.every and not was_ruled:
            self.relay.rule(ruler)
            self._retired = "the service has other rules now: connect again"
        if standing.recorded != recorded:
            self._record(recorded, standing.recorded)

    def _record(self, before: Recorded, now: Recorded) -> None:
        """Be recorded otherwise from here on; raise RefusedError where that cannot be on tape."""
        try:
            self.tape.append(NOTE, self.number, now.note(before))
        except TapeFullError as error:
            raise no_room(error) from error
        self.relay.record(now.results)

    def remind(self, seconds: float, *, stands: bool) -> None:
        """Warn, once, of an access that ends soon; one that was extended may end soon again."""
        if stands and not self._rests_on_grant:
            return
        if seconds > self.limits.warn_before:
            self._warned.discard("access")
        else:
            self._warn("access", f"your access ends in {_minutes(seconds)}")

    @property
    def _rests_on_grant(self) -> bool:
        return self.standing is not None and self.standing.ready.decided.rests_on_grant

    def tell(self, why: RefusedError) -> None:
        """Tell the client why the edge ends its session now; whoever calls this closes it.

        PostgreSQL notices the end of a connection when it next reads or writes, so what runs is
        cancelled: a statement of somebody whose access is revoked must not go on for hours.
        """
        self.is_told = True
        self._cut = why.reason.name.lower()
        if not self.relay.idle:
            self.cancel()
        self.relay.end(ADMIN_SHUTDOWN, why.message, hint=why.hint, force=True)

    def end(
        self, text: str, *, force: bool, sqlstate: str = ADMIN_SHUTDOWN, cut: str = FAULT
    ) -> None:
        """End the session: at once by force, else when no statement and no transaction runs.

        ``cut`` says why in a word, unless the SQLSTATE does.
        """
        self._cut = cut
        self.relay.end(sqlstate, text, force=force)

    def end_as_asked(self, reason: str, *, force: bool) -> None:
        """End the session as the CA wants it, which says so again and again."""
        if self._asked_to_end is None or (force and not self._asked_to_end):
            self._asked_to_end = force
            if force and not self.relay.idle:
                self.cancel()
            self.end(reason, force=force, cut=ENDED)

    def close(self) -> Parting | None:
        """Stop, and close PostgreSQL's end; safe to call again. Returns as ``Carrying.close``."""
        if self._closed:
            return None
        self._closed = True
        self.relay.stop()
        sqlstate, why = self.relay.ended_by or (None, "the connection ended")
        try:
            said = {"reason": why, "sqlstate": sqlstate}
            if self.cut is not None:
                said["cut"] = self.cut
            self.tape.append(CLOSE, self.number, json.dumps(said).encode())
        except PgwardError as error:
            log.error("the end of a session is not on record: %s", error.message)
        parting = None
        if self.relay.outro is None:
            self.upstream.connection.close()
        else:
            parting = Parting(self.relay.outro.play, self.upstream.connection.close)
        self.on_close(self)
        return parting

    # --- see ``pressure`` --------------------------------------------------------------

    @property
    def person(self) -> str:
        """Whose session it is."""
        return "" if self.standing is None else self.standing.ready.decided.asked.user

    @property
    def said(self) -> int:
        """About how many bytes it has put on tape: as TCP counts, without what is not kept."""
        if self.standing is None:
            return 0
        sent, received = traffic(self.standing.ready.decided.asked.client.tls)
        return received - self.relay.copied + (sent if self.standing.recorded.results else 0)

    def slow(self) -> None:
        """Read its client only by ``sip`` from now on, and tell the person."""
        if "slowed" not in self._warned:
            log.warning("session %s of %s is slowed: %s", self.id, self.person, _TOO_MUCH)
        self._warn("slowed", f"this session is slowed: {_TOO_MUCH}")
        self.relay.slow()

    def sip(self) -> None:
        """Read its client once."""
        self.relay.sip()

    def quicken(self) -> None:
        """Read its client as it comes."""
        self.relay.quicken()

    # --- limits of time ---------------------------------------------------------------

    def look(self, now: float) -> None:
        """See whether a limit of time is reached, or near; call it about every second."""
        limits = self.limits
        if self._retired is not None:
            self._over(now, self._retired, RULES)
        elif limits.session is not None:
            self._look_at_session(now, limits.session)
        if self.relay.idle:
            self._busy = None
            self._look_at_rest(now - self.relay.last_active)
        elif limits.statement is not None:
            self._look_at_statement(now, limits.statement)

    def _look_at_session(self, now: float, most: int) -> None:
        left = self.began + most - now
        if left > 0:
            if left <= self.limits.warn_before:
                self._warn("session", f"this session ends in {_minutes(left)}")
            return
        text = f"the session has reached its limit of {_minutes(most)}"
        self._over(now, text, SESSION_TIMEOUT)

    def _over(self, now: float, text: str, cut: str) -> None:
        """End the session when nothing runs.

        By force, after a while, where an idle transaction holds that up, or one statement after
        another; none is cut that has run since before.
        """
        answered = self.relay.answered
        if self._over_since is None:
            self._over_since = now, answered
            self.end(text, force=False, cut=cut)
            return
        since, then = self._over_since
        if now - since > GRACE_SECONDS and (self.relay.idle or answered != then):
            self.end(text, force=True, cut=cut)

    def _look_at_rest(self, seconds: float) -> None:
        limits = self.limits
        if self.relay.in_transaction:
            most, sqlstate = limits.idle_in_transaction, IDLE_IN_TRANSACTION_TIMEOUT
            what = "idle in a transaction"
        else:
            most, sqlstate, what = limits.idle, IDLE_SESSION_TIMEOUT, "idle"
        if most is None:
            return
        if seconds >= most:
            self.end(f"the session was {what} for {_minutes(most)}", force=True, sqlstate=sqlstate)
        elif most > limits.warn_before and seconds >= most - limits.warn_before:
            self._warn(what, f"this session is {what}, and ends in {_minutes(most - seconds)}")
        else:
            self._warned.discard(what)

    def _look_at_statement(self, now: float, most: int) -> None:
        """Cancel a statement that runs too long, whatever the session set for itself."""
        answered = self.relay.answered
        if self._busy is None or self._busy[1] != answered:
            self._busy = now, answered
        elif now - self._busy[0] >= most:
            self._busy = None
            self._say(f"the statement has reached its limit of {_minutes(most)}")
            self.cancel()

    def _warn(self, what: str, text: str) -> None:
        if what not in self._warned:
            self._warned.add(what)
            self._say(text)

    def _say(self, text: str) -> None:
        """Tell the person something, and the record that it was told."""
        try:
            self.tape.append(NOTE, self.number, json.dumps({"notice": text}).encode())
        except TapeFullError as error:
            log.warning("a notice is not on record: %s", error.message)
        self.relay.notice(text)


def _minutes(seconds: float) -> str:
    if seconds < 2 * 60:
        return counted(max(1, round(seconds)), "second")
    return f"{round(seconds / 60)} minutes"
