"""The life of a tunnel process: open, tell, serve, end."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path

import psutil

from pgward.client.session import Session
from pgward.core.clock import SystemClock
from pgward.core.errors import ConflictError
from pgward.system.process import ProcessId
from pgward.tunnel.local import listening, registry
from pgward.tunnel.local.catalog import Catalog
from pgward.tunnel.local.endings import Endings
from pgward.tunnel.local.registry import Registry, Running
from pgward.tunnel.local.tunnel import Tunnel
from pgward.tunnel.loop import tune_collector

log = logging.getLogger("pgward.tunnel")

ENDING_SECONDS = 5.0
"""How often it is looked whether access ends soon; timers stand still while a laptop sleeps."""
LAST_SECONDS = 0.5
"""For an edge to say why it ended a session whose program is gone already, as psql is then."""


@dataclass(frozen=True, slots=True)
class TunnelOptions:
    """What the person asked for; ``for_pid`` is the process with which the tunnel ends."""

    service: str
    home: Path
    port: int | None = None
    socket: bool = False
    for_pid: int | None = None


class TunnelProcess:
    """Opens one tunnel and serves it until a signal comes, or the process it serves ends."""

    def __init__(
        self,
        options: TunnelOptions,
        *,
        say: Callable[[str], None],
        on_ready: Callable[[Running], None],
    ) -> None:
        self._options = options
        self._say = say
        self._on_ready = on_ready
        self._registry = Registry(options.home)
        self._session = Session.open(options.home)
        catalog = Catalog(options.home, self._session, SystemClock(), say)
        self._service = catalog.find(options.service)
        self._check_not_running()
        if self._registered:  # else psql, which this one serves, has said it
            for text in self._service.told(SystemClock().now()):
                say(text)

    async def run(self) -> None:
        """Serve; raise RefusedError or UnavailableError when the first link cannot be opened."""
        loop = asyncio.get_running_loop()
        stop = self._stop_future(loop)
        listener = self._listen()
        tunnel = Tunnel(self._service, self._session, SystemClock(), listener, loop, self._say)
        try:
            if await _unless(stop, tunnel.preflight()):
                await self._serve(tunnel, listener, stop)
        finally:
            tunnel.close()
            self._tidy()

    async def _serve(
        self, tunnel: Tunnel, listener: socket.socket, stop: "asyncio.Future[None]"
    ) -> None:
        running = listening.running(listener, self._session, self._service)
        tunnel.listen()
        tune_collector()
        server = None
        if self._registered:
            server = await registry.answer(
                self._registry.control_path(self._service.name), tunnel.describe
            )
            self._registry.add(running)
        loop = asyncio.get_running_loop()
        fresh = loop.create_task(tunnel.renewal.keep_fresh())
        ending = loop.create_task(self._tell_end(tunnel))
        try:
            self._on_ready(running)
            await asyncio.wait({stop, fresh}, return_when=asyncio.FIRST_COMPLETED)
            if fresh.done():
                fresh.result()
            if self._options.for_pid is not None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LAST_SECONDS):
                        await tunnel.settled()
        finally:
            fresh.cancel()
            ending.cancel()
            if server is not None:
                server.close()

    async def _tell_end(self, tunnel: Tunnel) -> None:
        """Say how soon access by a grant ends, where the edge does not say it to psql itself."""
        if self._service.is_aware and not self._registered:
            return
        endings, clock = Endings(), SystemClock()
        if endings.is_due(tunnel.service, clock.now()):
            endings.read(tunnel.service)
        while True:
            await asyncio.sleep(ENDING_SECONDS)
            if endings.is_due(tunnel.service, clock.now()):
                await tunnel.look_up(0)  # it may have been extended
                text = endings.soon(tunnel.service, clock.now())
                if text is not None:
                    self._say(text)

    @property
    def _registered(self) -> bool:
        return self._options.for_pid is None

    def _check_not_running(self) -> None:
        running = self._registry.get(self._service.name) if self._registered else None
        if running is not None:
            raise ConflictError(
                f"{running.service} is connected already, at {running.address}",
                hint=f"pgward disconnect {running.service}",
            )

    def _listen(self) -> socket.socket:
        wanted = 0 if self._options.for_pid is not None else self._options.port
        sock, notice = listening.listen(
            self._registry, self._service.name, wanted, unix=self._options.socket
        )
        if notice:
            self._say(notice)
        return sock

    def _stop_future(self, loop: asyncio.AbstractEventLoop) -> "asyncio.Future[None]":
        stop: asyncio.Future[None] = loop.create_future()

        def set_stop() -> None:
            if not stop.done():
                stop.set_result(None)

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, set_stop)
        if self._options.for_pid is not None:
            _when_ended(loop, self._options.for_pid, set_stop)
        return stop

    def _tidy(self) -> None:
        if self._registered:
            self._registry.remove(self._service.name)
        if self._options.socket:
            path = listening.socket_path(self._registry, self._service.name)
            path.unlink(missing_ok=True)


def _when_ended(loop: asyncio.AbstractEventLoop, pid: int, then: Callable[[], None]) -> None:
    """Call ``then`` once when another process ends."""
    if hasattr(os, "pidfd_open"):
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            then()
            return
        except OSError as error:
            log.debug("no descriptor of process %d: %s", pid, error)
        else:
            _when_readable(loop, descriptor, then)
            return
    try:
        process = ProcessId.of(pid)
    except psutil.NoSuchProcess:
        then()
        return

    def look() -> None:
        if process.alive():
            loop.call_later(1.0, look)
        else:
            then()

    look()


def _when_readable(
    loop: asyncio.AbstractEventLoop, descriptor: int, then: Callable[[], None]
) -> None:
    def readable() -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        then()

    loop.add_reader(descriptor, readable)


async def _unless(stop: "asyncio.Future[None]", doing: Coroutine[None, None, None]) -> bool:
    """Run ``doing`` to its end; give it up, and return False, when ``stop`` comes first."""
    task = asyncio.ensure_future(doing)
    await asyncio.wait({stop, task}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
        return True
    task.cancel()
    await asyncio.wait({task})
    return False
