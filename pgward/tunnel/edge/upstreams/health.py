"""Whether the servers behind services answer: asked from time to time, by TCP and TLS.

A probe ends behind TLS, before the login: PostgreSQL 12 and later log nothing of it then.
"""

import asyncio
import logging
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pgward.core.address import Address
from pgward.core.errors import PgwardError
from pgward.tunnel.edge.state_postgres import Config, PostgresService
from pgward.tunnel.edge.upstreams.channel import Channel
from pgward.tunnel.edge.upstreams.errors import explained, unreachable
from pgward.tunnel.edge.upstreams.values import Credentials

log = logging.getLogger("pgward.edge")

EVERY_SECONDS = 15.0
PROBE_SECONDS = 5.0
_AT_ONCE = 20

Secure = Callable[[Config, Address, Credentials], Awaitable[Channel]]
FindKey = Callable[[Config], Awaitable[bytes | None]]
Keep = Callable[[Sequence["Health"], bool], None]  # in a thread: what is known; has it changed


@dataclass(frozen=True, slots=True)
class Health:
    """How a server is; ``problem`` is None for one that answers, ``seconds`` how long that took.

    ``since`` is when it became so, on the clock of the watch.
    """

    service: str
    address: Address
    problem: str | None
    seconds: float
    since: float

    @property
    def is_up(self) -> bool:
        """Whether it answers."""
        return self.problem is None

    def to_json(self, now: float) -> dict[str, object]:
        """Return it as data, ``for_seconds`` how long it has been so."""
        return {
            "service": self.service,
            "address": str(self.address),
            "up": self.is_up,
            "problem": self.problem,
            "seconds": round(self.seconds, 4),
            "for_seconds": round(now - self.since, 1),
        }


class HealthWatch:
    """Asks all servers of all services in ``mode: postgres``, again and again.

    ``secure`` connects as sessions do, up to TLS (``Upstreams.secure``); ``find_key`` returns the
    key for a configuration's jump host, ``keep`` is called after each round.
    """

    def __init__(
        self,
        services: Callable[[], Mapping[str, PostgresService]],
        secure: Secure,
        find_key: FindKey,
        *,
        keep: Keep = lambda _known, _changed: None,
        every: float = EVERY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._services = services
        self._secure = secure
        self._find_key = find_key
        self._keep = keep
        self._kept: tuple[tuple[str, Address, str | None], ...] | None = None
        self._every = every
        self._clock = clock
        self._known: dict[tuple[str, Address], Health] = {}
        self._gate = asyncio.Semaphore(_AT_ONCE)

    @property
    def known(self) -> tuple[Health, ...]:
        """What is known now, by service and address."""
        return tuple(self._known[key] for key in sorted(self._known, key=str))

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            try:
                await self._round()
            except Exception:  # whatever it was, it must not be the last round
                log.exception("the databases could not be asked how they are")
            # Edges that began together shall not ask together.
            await asyncio.sleep(self._every * random.uniform(0.8, 1.2))  # noqa: S311 - no secret

    async def _round(self) -> None:
        await self.ask_all()
        now = tuple((each.service, each.address, each.problem) for each in self.known)
        await asyncio.to_thread(self._keep, self.known, now != self._kept)
        self._kept = now

    async def ask_all(self) -> None:
        """Ask every server once."""
        wanted = dict(_targets(self._services()))
        for key in self._known.keys() - wanted.keys():
            del self._known[key]
        found = await asyncio.gather(*(self._ask(*key, config) for key, config in wanted.items()))
        for health in found:
            self._learn(health)

    async def _ask(self, service: str, address: Address, config: Config) -> Health:
        async with self._gate:
            begun = self._clock()
            problem = await self._problem(address, config)
            now = self._clock()
        return Health(service, address, problem, now - begun, now)

    async def _problem(self, address: Address, config: Config) -> str | None:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                key = None if config.jump is None else await self._find_key(config)
                channel = await self._secure(config, address, Credentials(jump_key=key))
        except TimeoutError:
            return unreachable(address, "it does not answer").message
        except (PgwardError, OSError, ssl.SSLError) as error:
            name = config.server_name or address.host
            return explained(error, address, user="", server_name=name).message
        channel.close()
        return None

    def _learn(self, health: Health) -> None:
        key = (health.service, health.address)
        before = self._known.get(key)
        if before is not None and before.problem == health.problem:
            health = replace(health, since=before.since)
        elif health.problem is not None:
            log.warning("%s: %s", health.service, health.problem)
        elif before is not None:
            log.info("%s: the database at %s answers again", health.service, health.address)
        self._known[key] = health


def _targets(
    services: Mapping[str, PostgresService],
) -> Iterable[tuple[tuple[str, Address], Config]]:
    """Yield each server of each service once, with a configuration that leads there."""
    for name, service in services.items():
        for config in service.every():
            for address in config.upstreams:
                yield (name, address), config
