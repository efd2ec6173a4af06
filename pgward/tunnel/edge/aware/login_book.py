"""What the CA knows of people's logins, for rules that look at it: factors, devices, addresses.

It is asked as a session begins, and only where a rule of the service wants to know. While the CA
is away, what it said a while ago counts; after that nothing is known, and rules that need it deny.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

from pgward.client import edge_calls
from pgward.client.edge_calls import Caller, LoginFacts
from pgward.core.errors import PgwardError
from pgward.tunnel.edge import asking
from pgward.tunnel.edge.state import Peer
from pgward.tunnel.edge.state_postgres import PostgresService

log = logging.getLogger("pgward.edge")

FRESH_SECONDS: Final = 30.0
STALE_SECONDS: Final = 600.0
PATIENCE_SECONDS: Final = 3.0
_MOST_KEPT = 5_000
_OF_LOGINS: Final = ("ctx.device", "ctx.session.mfa", "ctx.user.email")


def is_wanted(postgres: PostgresService) -> bool:
    """Tell whether a rule of a service looks at what only the CA knows of a login."""
    return any(name in source for source in _sources(postgres) for name in _OF_LOGINS)


class LoginBook:
    """Remembers what the CA said; ``clock`` gives seconds."""

    def __init__(self, ca: Caller, clock: Callable[[], float]) -> None:
        self._ca = ca
        self._clock = clock
        self._known: OrderedDict[tuple[str, Peer], tuple[float, LoginFacts]] = OrderedDict()

    async def find(self, service: str, peer: Peer) -> LoginFacts | None:
        """Return what is known of whoever wants a session; None where that is nothing."""
        key = service, peer
        at, known = self._known.get(key, (-STALE_SECONDS, None))
        age = self._clock() - at
        if known is not None and age < FRESH_SECONDS:
            return known
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                found = await asking.for_person(self._ask, service, peer)
        except TimeoutError:
            return self._else(known, age, f"the CA does not answer about {peer.user}")
        except PgwardError as error:
            return self._else(known, age, f"the CA does not tell of {peer.user}: {error.message}")
        self._known[key] = self._clock(), found
        self._known.move_to_end(key)
        if len(self._known) > _MOST_KEPT:
            self._known.popitem(last=False)
        return found

    @staticmethod
    def _else(known: LoginFacts | None, age: float, why: str) -> LoginFacts | None:
        log.warning("%s", why)
        return known if age < STALE_SECONDS else None

    def _ask(self, service: str, peer: Peer) -> LoginFacts:
        return edge_calls.login_facts(
            self._ca,
            service=service,
            user=peer.user,
            session=peer.login,
            serial=f"{peer.serial:x}" if peer.by_certificate else None,
        )


def _sources(postgres: PostgresService) -> Iterator[str]:
    for rule in postgres.rules:
        if rule.match is not None:
            yield rule.match.source
    for policy in postgres.policies:
        for each in policy.rules:
            for _, source in each.condition.matches():
                yield source
