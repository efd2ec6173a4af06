"""The tunnels that the agent holds."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pgward.client.services import choose
from pgward.core.clock import Clock
from pgward.core.errors import ConflictError, NotFoundError, PgwardError
from pgward.core.names import resource_name
from pgward.system.files import StorageError, storage_errors
from pgward.tunnel.agent import installed, memory
from pgward.tunnel.agent.desk import Desk
from pgward.tunnel.agent.memory import Wanted
from pgward.tunnel.local import listening, registry
from pgward.tunnel.local.catalog import Catalog
from pgward.tunnel.local.registry import Registry, Running
from pgward.tunnel.local.tunnel import Tunnel
from pgward.tunnel.preface import Reason, RefusedError

log = logging.getLogger("pgward.agent")

MOST_TUNNELS = 500
# One that `pgward psql` had opened stays for the next psql, and goes when none came for so long.
UNUSED_SECONDS = 3600.0
_NOT_YET = "not yet"
_OF_THE_PERSON = (Reason.BLOCKED, Reason.REVOKED)


@dataclass(slots=True, eq=False)
class Held:
    """An open tunnel; one that is not ``kept`` goes when nobody uses it."""

    tunnel: Tunnel
    wanted: Wanted
    kept: bool
    used_at: float
    control: asyncio.Server
    total: int = 0


@dataclass(frozen=True, slots=True)
class Opened:
    """What was opened, or was open; ``said`` is for the person who asked."""

    held: Held
    running: Running
    said: tuple[str, ...]
    new: bool


class Keeper:
    """Opens, closes and describes tunnels; ``tell`` gets what a tunnel says of itself."""

    def __init__(
        self,
        home: Path,
        desk: Desk,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        *,
        tell: Callable[[str], None],
        on_cut: Callable[[str, str], None],
        on_step_up: Callable[[str, str], None] = lambda _service, _message: None,
    ) -> None:
        self._home = home
        self._desk = desk
        self._clock = clock
        self._loop = loop
        self._tell = tell
        self._on_cut = on_cut
        self._on_step_up = on_step_up
        self._registry = Registry(home)
        self._opening: dict[str, asyncio.Lock] = {}
        self._installed: frozenset[str] = frozenset()
        self._installed_version: tuple[int, int] | None = None
        self._absent: set[str] = set()  # installed, and not for this person
        self.held: dict[str, Held] = {}
        self.waiting: dict[str, tuple[Wanted, str]] = {}  # to be opened, and why not yet

    # --- opening ----------------------------------------------------------------------

    async def open(
        self,
        service: str,
        port: int | None = None,
        *,
        unix: bool = False,
        keep: bool = True,
        for_file: bool = False,
    ) -> Opened:
        """Open a tunnel, or return the one that is open; with ``keep`` it is remembered.

        One ``for_file`` lasts as long as its section of ``pg_service.conf``. Raises what
        `pgward connect` raises.
        """
        wanted = Wanted(resource_name(service, what="service"), unix, for_file)
        async with self._opening.setdefault(service, asyncio.Lock()):
            held = self.held.get(service)
            if held is not None:
                _check_same(held, self.running(held), port, unix)
                opened = Opened(held, self.running(held), (), new=False)
            else:
                opened = await self._open(wanted, port, keep=keep, first_link=True)
        if keep:
            _keep(opened.held, wanted)
            self.waiting.pop(service, None)
            said = self._remember()
            opened = Opened(opened.held, opened.running, opened.said + said, opened.new)
        return opened

    async def _open(
        self, wanted: Wanted, port: int | None, *, keep: bool, first_link: bool
    ) -> Opened:
        session, renewal = self._desk.required()
        self._check_free(wanted.service)
        if len(self.held) >= MOST_TUNNELS:
            raise ConflictError(f"the agent holds {MOST_TUNNELS} tunnels", hint="pgward disconnect")
        said: list[str] = []
        await renewal.refresh()
        if renewal.expired() and renewal.problem is not None:
            raise renewal.problem
        catalog = Catalog(self._home, session, self._clock, said.append)
        info = await asyncio.to_thread(catalog.look_up, wanted.service)
        listener, notice = listening.listen(self._registry, info.name, port, unix=wanted.socket)
        if notice:
            said.append(notice)
        tunnel = Tunnel(info, session, self._clock, listener, self._loop, self._tell, renewal)
        tunnel.on_cut = lambda message: self._on_cut(info.name, message)
        tunnel.on_step_up = lambda message: self._on_step_up(info.name, message)
        try:
            if first_link:
                await tunnel.preflight()
            running = listening.running(listener, session, info, agent=True)
            path = self._registry.control_path(info.name)
            with storage_errors(path):
                control = await registry.answer(path, tunnel.describe)
        except BaseException:  # a client that left as well: its tunnel would listen for nobody
            tunnel.close()
            self._tidy(wanted)
            raise
        said += self._announce(running)
        tunnel.listen()
        held = Held(tunnel, wanted, keep, self._loop.time(), control)
        self.held[info.name] = held
        log.info("%s is open at %s", info.name, running.address)
        return Opened(held, running, tuple(said), new=True)

    def _announce(self, running: Running) -> tuple[str, ...]:
        """Have other commands know of a tunnel; return what to say when they cannot."""
        try:
            self._registry.add(running)
        except StorageError as error:
            return (f"{error.message}; pgward status does not show it",)
        return ()

    def _check_free(self, service: str) -> None:
        other = self._registry.get(service)
        if other is not None:
            raise ConflictError(
                f"{service} is connected already, at {other.address}, by a process of its own",
                hint=f"pgward disconnect {service}",
            )

    # --- what is remembered -----------------------------------------------------------

    def recall(self) -> None:
        """Want the tunnels that were open when the agent ended, and those of service files."""
        self.look_at_installed()
        try:
            remembered = memory.load(self._home)
        except StorageError as error:
            log.warning("the tunnels of last time are unknown: %s", error.message)
            return
        self.waiting |= {each.service: (each, _NOT_YET) for each in remembered}

    def look_at_installed(self) -> bool:
        """Want what ``pgward config`` put into service files since, and let go of what it took out.

        Tells whether there is something to open.
        """
        version = installed.version(self._home)
        if version == self._installed_version:
            return False
        try:
            names = installed.load(self._home)
        except StorageError as error:
            log.warning("what service files need is unknown: %s", error.message)
            names = self._installed
        self._installed_version = version
        new, gone, self._installed = names - self._installed, self._installed - names, names
        self._absent &= names
        for name in gone:
            self._let_go(name)
        return self._want(new)

    def look_for_absent(self) -> None:
        """Want what was not for whoever was logged in before."""
        absent, self._absent = self._absent, set()
        self._want(absent)

    def _want(self, names: Iterable[str]) -> bool:
        wanted = {name: Wanted(name, installed=True) for name in names}
        for name in wanted.keys() & self.held.keys():
            held = self.held[name]
            if not held.kept:
                _keep(held, replace(held.wanted, installed=True))
        self.waiting |= {
            name: (each, _NOT_YET)
            for name, each in wanted.items()
            if name not in self.held and name not in self.waiting
        }
        return not self.waiting.keys().isdisjoint(wanted)

    def _let_go(self, name: str) -> None:
        """End a tunnel that only a section wanted, now or when nobody uses it any more."""
        waiting, held = self.waiting.get(name), self.held.get(name)
        if waiting is not None and waiting[0].installed:
            del self.waiting[name]
        if held is not None and held.wanted.installed:
            held.kept, held.used_at = False, self._loop.time()
            if not held.tunnel.counters.active:
                self._end(held)

    async def reopen(self) -> None:
        """Open what is wanted and not open; what cannot be opened now waits for the next call."""
        for service, (wanted, before) in tuple(self.waiting.items()):
            try:
                async with self._opening.setdefault(service, asyncio.Lock()):
                    await self._open_again(wanted)
            except NotFoundError as error:
                if wanted.installed:  # whoever logs in next may have it; to ask on is no use
                    self.waiting.pop(service, None)
                    self._absent.add(service)
                    log.info("%s is not opened: %s", service, error.message)
                else:
                    self._waits(wanted, before, error)
            except PgwardError as error:
                self._waits(wanted, before, error)
            else:
                self.waiting.pop(service, None)

    def _waits(self, wanted: Wanted, before: str, error: PgwardError) -> None:
        if wanted.service in self.waiting:
            self.waiting[wanted.service] = (wanted, error.message)
        if error.message != before:
            log.warning("%s is not open yet: %s", wanted.service, error.message)

    async def _open_again(self, wanted: Wanted) -> None:
        """Open what is waited for, or take what psql opened meanwhile; the caller has its lock."""
        service = wanted.service
        held = self.held.get(service)
        if held is not None:
            _check_same(held, self.running(held), None, wanted.socket)
            _keep(held, wanted)
        elif service in self.waiting:
            # A section names its port: any other would be of no use to it.
            port = self._registry.remembered_port(service) if wanted.installed else None
            # Without a first link: a client that comes has one dialled, or hears why not.
            opened = await self._open(wanted, port, keep=True, first_link=False)
            for text in opened.said:  # such as a port that is taken
                log.warning("%s: %s", service, text)
            if service not in self.waiting:  # disconnected while it was being opened
                self._end(opened.held)

    def _remember(self) -> tuple[str, ...]:
        kept = {held.wanted for held in self.held.values() if held.kept}
        kept |= {wanted for wanted, _ in self.waiting.values()}
        try:
            memory.save(self._home, kept)
        except StorageError as error:
            log.warning("%s", error.message)
            return (f"{error.message}; it is not opened again at the agent's next start",)
        return ()

    # --- closing ----------------------------------------------------------------------

    def close(self, service: str) -> None:
        """Close a tunnel and forget it; raise NotFoundError."""
        held = self.held.get(service)
        if held is None and service not in self.waiting:
            names = ", ".join(sorted(self.held))
            raise NotFoundError(
                f"{service} is not connected",
                hint=f"connected: {names}" if names else "no tunnel is open",
            )
        self.waiting.pop(service, None)
        if held is not None:
            self._end(held)
        self._remember()

    def close_all(self) -> list[str]:
        """Close every tunnel and forget it; return their names."""
        names = sorted({*self.held, *self.waiting})
        for name in names:
            self.close(name)
        return names

    def stop(self) -> None:
        """Close every tunnel; they are opened again at the next start."""
        for held in tuple(self.held.values()):
            self._end(held)

    def close_unused(self) -> None:
        """Close tunnels that only psql had wanted, when none came for long."""
        now = self._loop.time()
        for held in tuple(self.held.values()):
            counters = held.tunnel.counters
            if held.kept or counters.active or counters.total != held.total:
                held.used_at, held.total = now, counters.total
            elif now - held.used_at >= UNUSED_SECONDS:
                log.info("%s is closed: nobody used it", held.wanted.service)
                self._end(held)

    def _end(self, held: Held) -> None:
        self.held.pop(held.wanted.service, None)
        held.control.close()
        held.tunnel.close()
        self._tidy(held.wanted)

    def _tidy(self, wanted: Wanted) -> None:
        with suppress(StorageError, OSError):  # what is left is seen through: its process is gone
            self._registry.remove(wanted.service)
            if wanted.socket:
                listening.socket_path(self._registry, wanted.service).unlink(missing_ok=True)

    # --- after a new login ------------------------------------------------------------

    async def relogin(self) -> None:
        """Take that somebody else, or elsewhere, may be logged in: look all services up anew."""
        if not self.held:
            return
        try:
            session, _ = self._desk.required()
            services = await asyncio.to_thread(session.services)
        except PgwardError as error:
            log.info("the services stay as they are: %s", error.message)
            return
        for held in tuple(self.held.values()):
            tunnel = held.tunnel
            try:
                tunnel.service = choose(services, tunnel.service.name)
            except NotFoundError as error:
                tunnel.login_ended(error.message, error.hint or "pgward services")
            tunnel.renewed()
            self._announce(self.running(held))  # else `pgward status` shows an older string

    async def services(self) -> list[dict[str, Any]]:
        """Return name and description of what this person may use; raise LoginNeededError."""
        session, _ = self._desk.required()
        catalog = Catalog(self._home, session, self._clock, log.info)
        found = await asyncio.to_thread(catalog.all)
        return [{"name": each.name, "description": each.description} for each in found]

    # --- describing -------------------------------------------------------------------

    def running(self, held: Held) -> Running:
        """Return how a tunnel is known to others."""
        session = self._desk.session
        assert session is not None  # noqa: S101 - no tunnel opens before the first login
        return listening.running(held.tunnel.listener, session, held.tunnel.service, agent=True)

    def refusal(self) -> RefusedError | None:
        """Return why an edge lets this person in no more, whatever the service."""
        refusals = (held.tunnel.pool.refusal for held in self.held.values())
        for each in refusals:
            if isinstance(each, RefusedError) and each.reason in _OF_THE_PERSON:
                return each
        return None

    def environment(self, held: Held) -> dict[str, str]:
        """Return libpq's variables for a tunnel; raise LoginNeededError."""
        session, _ = self._desk.required()
        running = self.running(held)
        return listening.libpq_environment(session, held.tunnel.service, running.host, running.port)

    def describe(self) -> list[dict[str, Any]]:
        """Return all tunnels, those that wait as well."""
        rows = [
            {
                "service": name,
                "address": self.running(held).address,
                "conninfo": self.running(held).conninfo,
                "kept": held.kept,
                **held.tunnel.describe(),
            }
            for name, held in sorted(self.held.items())
        ]
        waiting = [
            {"service": name, "address": None, "kept": True, "problem": why}
            for name, (_, why) in sorted(self.waiting.items())
        ]
        return rows + waiting


def _keep(held: Held, wanted: Wanted) -> None:
    """Have a tunnel stay; who asked for it by name counts more than a section."""
    if not held.kept or held.wanted.installed:
        held.wanted = wanted
    held.kept = True


def _check_same(held: Held, running: Running, port: int | None, unix: bool) -> None:
    """Raise ConflictError when what is open is not where it is wanted."""
    if unix != held.wanted.socket or (port not in (None, 0) and port != running.port):
        raise ConflictError(
            f"{running.service} is connected already, at {running.address}",
            hint=f"pgward disconnect {running.service}",
        )
