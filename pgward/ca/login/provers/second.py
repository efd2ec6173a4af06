"""A fresh second factor of those that a person has set up."""

from collections.abc import Mapping
from typing import Any, Protocol

from anyio.to_thread import run_sync
from sqlalchemy.engine import Connection

from pgward.ca.login.attempt import Ask, Attempt
from pgward.ca.login.desk import Desk
from pgward.ca.login.grounds import Ground

_FACTORS = "factors"


class Challenge(Protocol):
    """What a person is asked: the kinds as ``factors``, and what judges the answers, by kind."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the client needs to know."""
        ...

    @property
    def memory(self) -> Mapping[str, Any]:
        """What is needed to judge an answer."""
        ...


class Factors(Protocol):
    """Where second factors are proved."""

    def challenge(self, connection: Connection, user: str) -> Challenge | None:
        """Return what a person is asked; None for who has no factor."""
        ...

    async def prove(
        self,
        user: str,
        answer: Mapping[str, Any],
        memory: Mapping[str, Any],
        *,
        flow: str,
        thumbprint: str,
    ) -> Ground:
        """Judge an answer, use it up, and return what proved it; raise DeniedError."""
        ...


class SecondFactorProver:
    """Asks ``second_factor`` of whoever has one that is accepted, and never sets one up."""

    kind = "second_factor"

    def __init__(self, desk: Desk, factors: Factors) -> None:
        self._desk = desk
        self._factors = factors

    async def begin(self, attempt: Attempt, accepted: frozenset[str]) -> Ask | None:
        """Ask for one of those that the person has and the service accepts."""
        challenge = await run_sync(self._challenge, attempt.actor)
        if challenge is None:
            return None
        asked = [kind for kind in challenge.facts[_FACTORS] if kind in accepted]
        memory = {kind: kept for kind, kept in challenge.memory.items() if kind in asked}
        return Ask(self.kind, {**challenge.facts, _FACTORS: asked}, memory) if asked else None

    async def answer(self, attempt: Attempt, answer: Mapping[str, Any]) -> str | Ask:
        """Judge it."""
        ground = await self._factors.prove(
            attempt.actor,
            answer,
            attempt.memory,
            flow=attempt.id,
            thumbprint=attempt.thumbprint,
        )
        attempt.prove_factor(ground)
        return ground.kind

    def _challenge(self, user: str) -> Challenge | None:
        with self._desk.store.read() as connection:
            return self._factors.challenge(connection, user)
