"""Opens aware sessions: hears what is wanted, decides, logs in to PostgreSQL, and joins both."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import count
from typing import Protocol

from pgward.audit.tape.answers import Data, as_it_is
from pgward.audit.tape.frames import DENIED, NOTE, OPEN, TapeFullError
from pgward.core.clock import Clock
from pgward.core.errors import PgwardError
from pgward.pgwire.errors import WireError
from pgward.pgwire.login_in import agree, welcome
from pgward.pgwire.startup import Cancel, Startup
from pgward.tunnel.aware.pending import Tape
from pgward.tunnel.aware_relay import AwareRelay
from pgward.tunnel.edge.aware.facts import Asked, Decided, Ready, without_handle
from pgward.tunnel.edge.aware.hello import hear, of_wire
from pgward.tunnel.edge.aware.judge import Judge, Ruler
from pgward.tunnel.edge.aware.live import Live
from pgward.tunnel.edge.aware.login_book import LoginBook, is_wanted
from pgward.tunnel.edge.aware.refusals import (
    check_reason,
    check_recording,
    check_way,
    no_room,
    nothing_to_show,
    told,
)
from pgward.tunnel.edge.aware.standing import Standing
from pgward.tunnel.edge.aware.talk import Talk
from pgward.tunnel.edge.cancels import Cancels
from pgward.tunnel.edge.carrying import Client, OnEnd
from pgward.tunnel.edge.secrets.credentials import Session
from pgward.tunnel.edge.state import EdgeState, Service
from pgward.tunnel.edge.state_postgres import Config
from pgward.tunnel.edge.upstreams.cancelling import cancel
from pgward.tunnel.edge.upstreams.errors import UpstreamError
from pgward.tunnel.edge.upstreams.opening import Upstreams
from pgward.tunnel.edge.upstreams.values import Credentials, Upstream
from pgward.tunnel.preface import Reason, RefusedError

log = logging.getLogger("pgward.edge")

HELLO_SECONDS = 10.0
LOOK_SECONDS = 1.0
_SALT_BYTES = 8
_GONE = "what is said here is not put on record any more"
_NO_ROOM = "53100"


class WorkersTape(Tape, Protocol):
    """The tape of a worker; ``boot`` is its name."""

    boot: str

    @property
    def is_gone(self) -> bool:
        """Whether it is not there any more, so that nobody will read it."""

    def check(self) -> None:
        """Raise TapeFullError if no room is left: then nothing new begins."""


class Keys(Protocol):
    """Gets what the edge logs in with (``secrets.credentials.Keyring``)."""

    async def get(self, config: Config, session: Session) -> Credentials:
        """Return what a configuration asks for; raise PgwardError."""
        ...

    async def after_refusal(
        self, config: Config, session: Session, refused: Credentials
    ) -> Credentials | None:
        """Return other credentials after PostgreSQL refused these; None if there are none."""
        ...


@dataclass(slots=True)
class AwareSessions:
    """What the aware sessions of a worker share, and those that run (``sessions.Aware``).

    ``ca_now`` is the time at the CA. ``tape`` gives the worker's, which is made when it is first
    wanted; it raises TapeFullError. ``seal`` encrypts answers for it.
    """

    loop: asyncio.AbstractEventLoop
    edge: str
    clock: Clock
    ca_now: Callable[[], datetime]
    state: Callable[[], EdgeState | None]
    tape: Callable[[], WorkersTape]
    cancels: Cancels
    judge: Judge
    keyring: Keys
    logins: LoginBook
    upstreams: Upstreams
    seal: Callable[[Data], Data] = as_it_is
    live: dict[int, Live] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(
        self, client: Client, service: Service, first: bytes, on_end: OnEnd
    ) -> Live | None:
        """Return a session that may start; None for a cancel request, which is carried out.

        Raises RefusedError, and OSError when the client is gone.
        """
        talk = Talk(client.tls, first, client.controls)
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                hello = await hear(talk)
        except TimeoutError:
            raise RefusedError(Reason.PROTOCOL, "the client said too little") from None
        except WireError as error:
            raise of_wire(error) from error
        if isinstance(hello, Cancel):
            await self.cancels.request(hello.pid, hello.key)
            return None
        tape = self._room()
        asked = self._asked(tape, client, service, hello)
        if is_wanted(asked.postgres):
            asked = replace(asked, login=await self.logins.find(service.name, client.peer))
        try:
            decided = self._decide(asked, hello)
        except RefusedError as error:
            self._note_denial(tape, asked, error)
            raise
        ready = await self._log_in(decided)
        try:
            return await self._join(talk, tape, hello, ready, on_end)
        except TapeFullError as error:
            raise no_room(error) from error
        finally:
            if decided.asked.number not in self.live:
                ready.upstream.connection.close()

    def end(self, endings: Mapping[str, tuple[str, bool]]) -> None:
        """End sessions that the CA wants to end, by what they are called on record."""
        for each in tuple(self.live.values()):
            wanted = endings.get(each.id)
            if wanted is not None:
                reason, force = wanted
                each.end_as_asked(reason, force=force)

    def look(self) -> None:
        """See about the limits of all sessions that run; again after a second."""
        now = self.loop.time()
        live = tuple(self.live.values())
        is_gone = bool(live) and self._is_tape_gone()
        for each in live:
            if is_gone:
                each.end(_GONE, force=True, sqlstate=_NO_ROOM)
            else:
                each.look(now)
        self.loop.call_later(LOOK_SECONDS, self.look)

    def _is_tape_gone(self) -> bool:
        try:
            return self.tape().is_gone
        except TapeFullError:
            return False

    # --- from what is asked for to a login at PostgreSQL --------------------------------

    def _room(self) -> WorkersTape:
        try:
            tape = self.tape()
            tape.check()
        except TapeFullError as error:
            raise no_room(error) from error
        return tape

    def _asked(self, tape: WorkersTape, client: Client, service: Service, hello: Startup) -> Asked:
        if service.postgres is None:
            raise TypeError(f"{service.name} is not in mode postgres")
        state, number = self.state(), next(self._numbers)
        return Asked(
            number=number,
            id=f"{tape.boot}-{number}",
            client=client,
            service=service.name,
            postgres=service.postgres,
            groups=() if state is None else state.people.get(client.peer.user, ()),
            parameters=without_handle(hello),
            started=self.clock.now(),
            granted=service.granted(client.peer.user, self.ca_now()),
        )

    def _decide(self, asked: Asked, hello: Startup) -> Decided:
        """Return what becomes of it; raise RefusedError."""
        check_way(asked)
        context = asked.context()
        rule = self.judge.connect(asked.service, asked.postgres, context)
        config = asked.postgres.choose(self.judge.variables(context))
        landed = asked.landing(config)
        check_reason(asked.postgres, landed)
        recipient = check_recording(config, self.state())
        return Decided(asked, config, landed, rule, agree(hello).minor, recipient)

    def _note_denial(self, tape: WorkersTape, asked: Asked, error: RefusedError) -> None:
        try:
            tape.append(DENIED, asked.number, asked.denied(self.edge, error))
        except TapeFullError as full:
            raise no_room(full) from full

    async def _log_in(self, decided: Decided) -> Ready:
        """Log in to PostgreSQL; once more with a secret that was changed meanwhile."""
        config, session = decided.config, decided.session
        try:
            credentials = await self.keyring.get(config, session)
        except PgwardError as error:
            raise nothing_to_show(error, decided) from error
        try:
            return Ready(decided, credentials, await self._open(decided, credentials))
        except UpstreamError as error:
            if not error.is_about_credentials:
                raise told(error, decided) from error
            other = await self.keyring.after_refusal(config, session, credentials)
            if other is None:
                raise told(error, decided) from error
        try:
            return Ready(decided, other, await self._open(decided, other))
        except UpstreamError as error:
            raise told(error, decided) from error

    async def _open(self, decided: Decided, credentials: Credentials) -> Upstream:
        return await self.upstreams.open(
            decided.config, decided.landing, credentials, decided.minor
        )

    # --- from a login at PostgreSQL to a session ----------------------------------------

    async def _join(
        self, talk: Talk, tape: WorkersTape, hello: Startup, ready: Ready, on_end: OnEnd
    ) -> Live:
        upstream, decided = ready.upstream, ready.decided
        number = decided.asked.number
        cancelling = partial(cancel, self.upstreams, decided.config, ready.credentials, upstream)
        standing = Standing(self.judge, ready, self._ruling(ready), self.ca_now)
        tape.append(OPEN, number, ready.opened(self.edge))
        asked = partial(self._asked_to_cancel, tape, number, cancelling)
        key = self.cancels.issue(asked, long=decided.minor > 0, pid=upstream.key[0])
        live = self.live[number] = Live(
            number=number,
            id=decided.asked.id,
            key=key,
            relay=self._relay(standing, tape, on_end),
            upstream=upstream,
            tape=tape,
            limits=decided.asked.postgres.limits,
            began=self.loop.time(),
            cancel=lambda: self._cancel(cancelling),
            on_close=self._closed,
            ask=self._ask,
            standing=standing,
        )
        try:
            said = [agree(hello).message, *upstream.notices]
            async with asyncio.timeout(HELLO_SECONDS):
                await talk.say(b"".join(said) + welcome(upstream.parameters, key))
        except BaseException:  # the client is gone, or does not listen, or the edge is stopping
            live.close()
            raise
        live.first = talk.unread
        return live

    def _ruling(self, ready: Ready) -> Ruler:
        asked = ready.decided.asked
        encoding = ready.upstream.parameters.get("client_encoding", "UTF8")
        context, guard = asked.context(), ready.decided.guard
        return self.judge.ruling(asked.service, asked.postgres, context, encoding, guard)

    def _relay(self, standing: Standing, tape: WorkersTape, on_end: OnEnd) -> AwareRelay:
        def ended(clean: bool, reason: Reason | None) -> None:
            live = self.live.get(asked.number)
            if live is None or not live.is_told:  # or else whoever told the client goes on
                on_end(clean, reason)

        ready = standing.ready
        asked = ready.decided.asked
        return AwareRelay(
            self.loop,
            asked.client.tls,
            ready.upstream.connection,
            asked.client.controls,
            ended,
            tape=tape,
            session=asked.number,
            salt=secrets.token_hex(_SALT_BYTES),
            ruling=standing.ruler,
            results=ready.decided.recorded.results,
            seal=self.seal,
            may_be_cut=asked.client.has_grants,
            why_ended=asked.client.why_ended,
        )

    async def _asked_to_cancel(
        self, tape: WorkersTape, number: int, cancelling: Callable[[], Coroutine[None, None, None]]
    ) -> None:
        """Pass a client's request on that what runs be cancelled, once it is on record."""
        try:
            tape.append(NOTE, number, b'{"cancel":true}')
        except TapeFullError as error:  # the session itself ends by that
            log.warning("a cancel request is not passed on: %s", error.message)
        else:
            await cancelling()

    def _cancel(self, cancelling: Callable[[], Coroutine[None, None, None]]) -> None:
        self._begin(cancelling())

    def _ask(self, live: Live) -> None:
        self._begin(self._learn(live))

    async def _learn(self, live: Live) -> None:
        """Ask the CA about the login of a session that runs, as its service wants to know now."""
        if live.standing is not None:
            asked = live.standing.ready.decided.asked
            live.know(await self.logins.find(asked.service, asked.client.peer))

    def _begin(self, what: Coroutine[None, None, None]) -> None:
        task = self.loop.create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _closed(self, live: Live) -> None:
        self.live.pop(live.number, None)
        self.cancels.forget(*live.key)
