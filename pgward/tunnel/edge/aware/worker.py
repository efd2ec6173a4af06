"""All that a worker of an edge needs for aware sessions, put together."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from pgward.audit.tape.answers import Data, Sealer, new_key, run_of
from pgward.audit.tape.writer import TapeWriter
from pgward.client.machine import Machine
from pgward.core.clock import Clock
from pgward.pgwire import binding
from pgward.policy.rules import Decision
from pgward.tunnel.edge.aware.judge import Judge
from pgward.tunnel.edge.aware.login_book import LoginBook
from pgward.tunnel.edge.aware.opening import AwareSessions
from pgward.tunnel.edge.aware.pressure import Pressure
from pgward.tunnel.edge.aware.reception import Reception
from pgward.tunnel.edge.aware.strangers import Strangers
from pgward.tunnel.edge.cancels import Cancels
from pgward.tunnel.edge.secrets.credentials import Keyring, Session
from pgward.tunnel.edge.source import certificate
from pgward.tunnel.edge.state import EdgeState
from pgward.tunnel.edge.state_postgres import Config, NoAuth, PostgresService
from pgward.tunnel.edge.upstream import Dialer
from pgward.tunnel.edge.upstreams.health import HealthWatch
from pgward.tunnel.edge.upstreams.health_file import Keeper
from pgward.tunnel.edge.upstreams.health_telling import Teller
from pgward.tunnel.edge.upstreams.jumping import Jumps
from pgward.tunnel.edge.upstreams.opening import Upstreams

log = logging.getLogger("pgward.edge")

LEAVE_SECONDS = 2.0
"""For jump hosts to take leave; connections that are left end with the process."""


class AwareWorker:
    """A worker's aware sessions, whoever comes to them, and the tape that they are put on.

    The first of several workers also watches the databases behind the services. ``tape_key``
    encrypts answers on tape, for the auditor that has it, too.
    """

    def __init__(
        self,
        directory: Path,
        machine: Machine,
        keyring: Keyring,
        *,
        clock: Clock,
        ca_now: Callable[[], datetime],
        cancels: Cancels,
        dialer: Dialer,
        state: Callable[[], EdgeState | None],
        is_first: bool = True,
        workers: int = 1,
        denied: Callable[[Decision], None] = lambda _: None,
        slowed: Callable[[int], None] = lambda _: None,
        tape_key: bytes | None = None,
    ) -> None:
        self._directory = directory
        self._machine = machine
        self._keyring = keyring
        self._tape: TapeWriter | None = None
        self._tape_key = tape_key or new_key()
        self._sealer: Sealer | None = None
        self._binding: bytes | None = None
        self._looks = False
        self._slowed = slowed
        self._is_first = is_first
        self._watching: asyncio.Task[None] | None = None
        self._jumps = Jumps()
        upstreams = Upstreams(dialer, self._jumps, roots=lambda: _roots(state()))
        self.certificate_changed()
        self.reception = Reception(
            machine,
            cancels,
            binding=lambda: self._binding,
            mocking=_mocking(machine),
            strangers=Strangers(share=1 / workers),
        )
        self.sessions = AwareSessions(
            loop=asyncio.get_running_loop(),
            edge=machine.name,
            clock=clock,
            ca_now=ca_now,
            state=state,
            tape=self._started_tape,
            cancels=cancels,
            judge=Judge(clock.now, denied),
            keyring=keyring,
            logins=LoginBook(machine, time.monotonic),
            upstreams=upstreams,
            seal=self._seal,
        )
        self._watch = HealthWatch(
            lambda: _services(state()),
            upstreams.secure,
            self._jump_key,
            keep=Teller(machine, Keeper(directory)),
        )

    def certificate_changed(self) -> None:
        """Bind proofs of passwords to the certificate that is on disk now."""
        leaf = certificate(self._machine)
        self._binding = binding.end_point(leaf.public_bytes(Encoding.DER))

    def adopt(self, state: EdgeState) -> None:
        """Forget secrets that no service needs any more, and watch the databases of those left."""
        aware = state.aware
        self.sessions.end(state.endings)
        self._keyring.keep_only({ref for each in aware.values() for ref in each.secrets()})
        if aware and self._is_first and self._watching is None:
            self._watching = self.sessions.loop.create_task(self._watch.run())

    async def _jump_key(self, config: Config) -> bytes | None:
        session = Session(service="", user="", role="")
        found = await self._keyring.get(replace(config, auth=NoAuth()), session)
        return found.jump_key

    async def stop(self) -> None:
        """End the tape in order, and leave jump hosts; no session runs any more."""
        if self._watching is not None:
            self._watching.cancel()
        self._keyring.close()
        if self._tape is not None:
            self._tape.close()
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._jumps.close()
        except TimeoutError:
            log.warning("a jump host does not take leave")

    def _seal(self, data: Data) -> bytes:
        """Encrypt an answer for the tape, on which its session began."""
        if self._sealer is None:
            self._sealer = Sealer(self._tape_key, self._started_tape().boot)
        return self._sealer(data)

    def _started_tape(self) -> TapeWriter:
        """Return the tape; it and the look at limits begin with the first session.

        One that somebody has removed is left once no session writes to it.
        """
        if self._tape is not None and self._tape.is_gone and not self.sessions.live:
            log.error("somebody has removed the tape %s: another begins", self._tape.directory)
            self._tape.close()
            self._tape = self._sealer = None
        if self._tape is None:
            self._tape = tape = TapeWriter(self._directory, run=run_of(self._tape_key))
            live, later = self.sessions.live, self.sessions.loop.call_later
            tape.turned = Pressure(tape, live.values, later, tell=self._slowed).turned
        if not self._looks:
            self._looks = True
            self.sessions.look()
        return self._tape


def _services(state: EdgeState | None) -> Mapping[str, PostgresService]:
    return {} if state is None else state.aware


def _roots(state: EdgeState | None) -> str:
    return "" if state is None else state.server_roots


def _mocking(machine: Machine) -> bytes:
    """Return a secret that all workers of an edge have, and nobody else."""
    key = machine.paths.key.read_bytes()
    return hashlib.sha256(b"pgward: tokens that do not exist\0" + key).digest()
