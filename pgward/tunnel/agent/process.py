"""The life of the agent: lock, answer, look after everything, end."""

import asyncio
import json
import logging
import os
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from pgward import __version__
from pgward.core.clock import Clock, SystemClock, rfc3339
from pgward.core.errors import ConflictError, PgwardError, UnavailableError
from pgward.system.files import FileLock, StorageError, atomic_write, private_dir
from pgward.system.process import ProcessId
from pgward.tunnel.agent import protocol
from pgward.tunnel.agent.access_watch import AccessWatch
from pgward.tunnel.agent.client import socket_path
from pgward.tunnel.agent.desk import Desk
from pgward.tunnel.agent.keeper import Keeper
from pgward.tunnel.agent.notices import Notice, Notices
from pgward.tunnel.agent.notify import Notifier
from pgward.tunnel.agent.server import ControlServer
from pgward.tunnel.agent.traffic import Traffic
from pgward.tunnel.local.tunnel import Tunnel
from pgward.tunnel.loop import tune_collector
from pgward.tunnel.preface import EXPLANATIONS, Reason, RefusedError

log = logging.getLogger("pgward.agent")

WATCH_SECONDS = 3.0
REOPEN_SECONDS = 15.0
EVENTS = 200
# How old what the CA said of a service may be when psql starts.
SERVICE_SECONDS = 5.0
# Psql waits for what the CA says as long as a tunnel does; after a CA that did not answer only so
# long for this time, as else every psql would be slow while the CA is away.
QUICK_SECONDS = 0.25
SILENT_SECONDS = 30.0
# What an edge says when more than a connection may be over; only the first is the whole reason.
_OF_THE_LOGIN: dict[str, PgwardError | None] = {
    EXPLANATIONS[Reason.BLOCKED][0]: RefusedError(Reason.BLOCKED),
    EXPLANATIONS[Reason.REVOKED][0]: None,
}


class Agent:
    """Holds tunnels until ``stop`` is set; one for each home."""

    def __init__(self, home: Path, notifier: Notifier, *, clock: Clock | None = None) -> None:
        self._home = home
        self._clock = clock or SystemClock()
        self._notifier = notifier
        self._notices = Notices()
        self._loop = asyncio.get_running_loop()
        self._events: deque[dict[str, Any]] = deque(maxlen=EVENTS)
        self._count = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._me = ProcessId.of(os.getpid())
        self._reopen_at = 0.0
        self._silent_until = 0.0
        self._addresses = addresses()
        self.stop = asyncio.Event()
        self.desk = Desk(home, self._clock, self._loop, say=self._say, on_login=self._logged_in)
        self.keeper = Keeper(
            home,
            self.desk,
            self._clock,
            self._loop,
            tell=self._say,
            on_cut=self._cut,
            on_step_up=self._step_up,
        )
        self._traffic = Traffic()
        self._access = AccessWatch(self._clock, self._loop, self._notify)
        self._server = ControlServer(Path(socket_path(home)), self._answer)

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until ``stop``; raise ConflictError when an agent of this home runs already."""
        directory = private_dir(private_dir(self._home) / "run")
        with ExitStack() as stack:
            try:
                stack.enter_context(FileLock(directory / "agent.lock", timeout=0.0))
            except UnavailableError:
                raise ConflictError("an agent runs already", hint="pgward agent status") from None
            self._write_pid()
            self.keeper.recall()
            await self.desk.look()
            try:
                await self._server.start()
                tune_collector()
                on_ready()
                await self._watch()
            finally:
                await self._close()

    def _write_pid(self) -> None:
        try:
            atomic_write(pid_path(self._home), json.dumps(asdict(self._me)).encode())
        except StorageError as error:  # only to end an agent that hangs is it needed
            log.warning("%s", error.message)

    async def _close(self) -> None:
        await self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        self.keeper.stop()
        self.desk.close()
        pid_path(self._home).unlink(missing_ok=True)

    # --- looking after ----------------------------------------------------------------

    async def _watch(self) -> None:
        while not self.stop.is_set():
            try:
                await self._look()
            except Exception:  # nothing that is looked after may end the tunnels of all
                log.exception("looking after the tunnels broke")
            try:
                async with asyncio.timeout(WATCH_SECONDS):
                    await self.stop.wait()
            except TimeoutError:
                continue

    async def _look(self) -> None:
        await self.desk.look()
        self._look_at_network()
        self.keeper.close_unused()
        if self.keeper.look_at_installed():
            self._reopen_at = 0.0
        notice = self._notices.of_login(self.desk.ends(), self._clock.now())
        if notice is not None:
            self._notify(notice)
        self._look_at_refusal()
        self._look_at_access()
        if self.keeper.waiting and self.desk.alive and self._loop.time() >= self._reopen_at:
            self._reopen_at = self._loop.time() + REOPEN_SECONDS
            self._begin(self.keeper.reopen())

    def _refusal(self) -> PgwardError | None:
        """Why the login counts no more though it is not over, as an edge or the CA said."""
        return (self.keeper.refusal() or self.desk.refusal) if self.desk.alive else None

    def _look_at_refusal(self) -> None:
        refusal, ends = self._refusal(), self.desk.ends()
        if refusal is None or ends is None:
            return
        notice = self._notices.of_refusal(ends[0], f"{refusal.message}: {refusal.hint}")
        if notice is not None:
            self._notify(notice)

    def _look_at_access(self) -> None:
        session, ends = self.desk.session, self.desk.ends()
        if session is None or ends is None or not self.desk.alive or self._refusal() is not None:
            return
        if self._access.is_due(ends[0]):
            self._begin(self._access.ask(session))

    def _look_at_network(self) -> None:
        before, self._addresses = self._addresses, addresses()
        if before != self._addresses and self.desk.renewal is not None:
            self.desk.renewal.woke()

    def _logged_in(self) -> None:
        name = self.desk.session.user.name if self.desk.session is not None else "somebody"
        log.info("logged in as %s", name)
        self._happened(f"logged in as {name}")
        self._reopen_at = 0.0
        self.keeper.look_for_absent()
        self._begin(self.keeper.relogin())

    def _cut(self, service: str, message: str) -> None:
        if message in _OF_THE_LOGIN:
            self._begin(self._cut_off(service, message))
        elif not self._access.hears(service, message):
            self._tell_cut(service, message)

    async def _cut_off(self, service: str, message: str) -> None:
        """Learn from the CA whether the login is over as well; of that a person hears once."""
        await self.desk.check(_OF_THE_LOGIN[message])
        refusal, ends = self._refusal(), self.desk.ends()
        if refusal is None or ends is None or self._notices.is_first_refusal(ends[0]):
            self._tell_cut(service, message)

    def _tell_cut(self, service: str, message: str) -> None:
        notice = self._notices.of_cut(service, message, self._clock.now())
        if notice is not None:
            self._notify(notice)

    def _step_up(self, service: str, message: str) -> None:
        self._notify(Notice(f"pgward: {service}", message, urgent=True))

    def _notify(self, notice: Notice) -> None:
        self._happened(f"{notice.title.removeprefix('pgward: ')}: {notice.body}")
        self._begin(asyncio.to_thread(self._notifier.tell, notice))

    def _say(self, text: str) -> None:
        log.warning("%s", text)
        self._happened(text)

    def _happened(self, text: str) -> None:
        self._count += 1
        at = rfc3339(self._clock.now())
        self._events.append({"number": self._count, "at": at, "text": text})

    def _begin(self, doing: Coroutine[Any, Any, Any]) -> None:
        task = self._loop.create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("something in the background broke", exc_info=error)

    # --- answering --------------------------------------------------------------------

    async def _answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = self._ops().get(protocol.text(request, "op"))
        if answer is None:
            raise protocol.ProtocolError(
                "the agent does not know that request",
                hint="it may be of another version: pgward agent stop; pgward agent start",
            )
        return await answer(request)

    def _ops(self) -> Mapping[str, Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]]:
        return {
            "ping": self._ping,
            "status": self._status,
            "connect": self._connect,
            "disconnect": self._disconnect,
            "psql": self._psql,
            "live": self._live,
            "services": self._services,
            "stop": self._stop,
        }

    async def _ping(self, _request: Mapping[str, Any]) -> Mapping[str, Any]:
        started = rfc3339(datetime.fromtimestamp(self._me.started, UTC))
        return {"pid": self._me.pid, "started_at": started, "version": __version__}

    async def _status(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        await self.desk.look()
        if request.get("check") is True:
            await self.desk.check()
        login, refusal = self.desk.describe(), self._refusal()
        return {
            **await self._ping(request),
            "now": rfc3339(self._clock.now()),
            "login": login if refusal is None else {**login, "problem": refusal.message},
            "tunnels": self.keeper.describe(),
        }

    async def _connect(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        await self.desk.look()
        opened = await self.keeper.open(
            protocol.text(request, "service"),
            protocol.port(request),
            unix=request.get("socket") is True,
            for_file=request.get("for_file") is True,
        )
        said = [*opened.said, *self._told(opened.held.tunnel)]
        return {"running": asdict(opened.running), "said": said, "new": opened.new}

    async def _disconnect(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        if request.get("all") is True:
            return {"closed": self.keeper.close_all()}
        service = protocol.text(request, "service")
        self.keeper.close(service)
        return {"closed": [service]}

    async def _psql(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        service = protocol.text(request, "service")
        await self.desk.look()
        held = self.keeper.held.get(service)
        said: tuple[str, ...] = ()
        if held is None:
            opened = await self.keeper.open(service, keep=False)
            held, said = opened.held, opened.said
        held.used_at = self._loop.time()
        said += await self._seen_by_ca(held.tunnel)
        return {
            "environment": self.keeper.environment(held),
            "said": [*said, *self._told(held.tunnel), *held.tunnel.trouble()],
            "step_up": held.tunnel.service.step_up is not None,
        }

    def _told(self, tunnel: Tunnel) -> list[str]:
        """Return what a grant has to say to a person who connects."""
        return tunnel.service.told(self._clock.now())

    async def _seen_by_ca(self, tunnel: Tunnel) -> tuple[str, ...]:
        """Have a service that asks for a step-up since a while ask before psql starts, not in it.

        Returns what to say, once in a while, when the CA did not tell in time whether it does.
        """
        silent = self._loop.time() < self._silent_until
        looking = self._loop.create_task(tunnel.look_up(SERVICE_SECONDS))
        self._tasks.add(looking)
        looking.add_done_callback(self._done)
        await asyncio.wait({looking}, timeout=QUICK_SECONDS if silent else None)
        if looking.done() and looking.result():
            self._silent_until = 0.0
            return ()
        if silent or tunnel.service.step_up is not None:
            return ()
        self._silent_until = self._loop.time() + SILENT_SECONDS
        name = tunnel.service.name
        text = f"the CA does not say whether {name} asks for a second factor by now"
        return (f"{text}; if psql waits: pgward step-up {name}",)

    async def _live(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        after = request.get("after", 0)
        known = after if isinstance(after, int) else 0
        tunnels = {name: held.tunnel for name, held in self.keeper.held.items()}
        return {
            **await self._status(request),
            "connections": await self._traffic.look(tunnels),
            "events": [each for each in self._events if each["number"] > known],
        }

    async def _services(self, _request: Mapping[str, Any]) -> Mapping[str, Any]:
        await self.desk.look()
        return {"services": await self.keeper.services()}

    async def _stop(self, _request: Mapping[str, Any]) -> Mapping[str, Any]:
        # The reply goes first: whoever asked waits for the end of the process then.
        self._loop.call_later(0.05, self.stop.set)
        return {"pid": self._me.pid, "started": self._me.started}


def pid_path(home: Path) -> Path:
    """Return the file that names the agent's process, for one that does not answer any more."""
    return home / "run" / "agent.pid"


def addresses() -> frozenset[str]:
    """Return this machine's addresses but those of itself: when they change, links are dead."""
    found = psutil.net_if_addrs()
    return frozenset(
        each.address
        for entries in found.values()
        for each in entries
        if each.family in (socket.AF_INET, socket.AF_INET6)
        and not each.address.startswith(("127.", "::1", "fe80:"))
    )
