"""Where second factors are proved, at a login and whenever a fresh proof is wanted."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from anyio.to_thread import run_sync
from pydantic import Field
from sqlalchemy.engine import Connection

from pgward.ca.identity import devices
from pgward.ca.limiting.throttle import FactorThrottle
from pgward.ca.login import answers, grounds
from pgward.ca.login.desk import Desk
from pgward.ca.login.factors.factor import Challenge, Factor
from pgward.ca.login.grounds import Ground
from pgward.core.errors import InvalidInputError

_GROUNDS = "grounds"


class Which(answers.Answer):
    """Which factor is answered; the rest is that factor's own."""

    factor: str = Field(max_length=32)


class FactorDesk:
    """All kinds of factors; counts wrong answers, by account and device, and by login."""

    def __init__(
        self, desk: Desk, factors: Iterable[Factor], throttle: FactorThrottle | None = None
    ) -> None:
        self._desk = desk
        self._factors = {each.kind: each for each in factors}
        self._throttle = throttle or FactorThrottle()

    def challenge(self, connection: Connection, user: str) -> Challenge | None:
        """Return what a person is asked; None for who has no factor at all.

        ``factors`` lists the kinds, beside what each has to say. Recovery codes alone are none:
        they stand in for a factor that was lost.
        """
        found = {kind: each.challenge(connection, user) for kind, each in self._factors.items()}
        there = {kind: each for kind, each in found.items() if each is not None}
        if not there.keys() - {"recovery"}:
            return None
        said = {key: value for each in there.values() for key, value in each.facts.items()}
        return Challenge(
            {"factors": list(there), **said},
            {kind: {**each.memory, _GROUNDS: _dumped(each)} for kind, each in there.items()},
        )

    async def prove(
        self,
        user: str,
        answer: Mapping[str, Any],
        memory: Mapping[str, Any],
        *,
        flow: str,
        thumbprint: str,
    ) -> Ground:
        """Judge an answer to a challenge; return what proved it, of the kind of the factor.

        ``flow`` is the id of what is under way: each has five tries. Raises WrongFactorError,
        DeniedError when it is too early or when what was asked for is gone, InvalidInputError.
        """
        kind = answers.read(Which, {"factor": answer.get("factor")}).factor
        factor = self._factors.get(kind)
        if factor is None or kind not in memory:
            raise InvalidInputError(f"there is no second factor {kind!r} to be asked for")
        device = await run_sync(self._known, user, thumbprint)
        self._throttle.begin(user, flow, self._desk.monotonic(), device=device)
        rest = {key: value for key, value in answer.items() if key != "factor"}
        ground = await run_sync(self._prove, factor, user, rest, memory)
        self._throttle.succeeded(user, device=device)
        return ground

    def _known(self, user: str, thumbprint: str) -> str | None:
        with self._desk.store.read() as connection:
            return thumbprint if devices.is_known(connection, user, thumbprint) else None

    def _prove(
        self, factor: Factor, user: str, answer: Mapping[str, Any], memory: Mapping[str, Any]
    ) -> Ground:
        """Judge it if everything that was asked for is there still: one may be void with another.

        When somebody's factors were reset, an answer made with those before them comes too late,
        and one with those after them belongs to another login.
        """
        asked = [Ground(**each) for kept in memory.values() for each in kept.get(_GROUNDS, ())]
        with self._desk.store.write() as transaction:
            grounds.check(transaction.connection, user, asked, again="begin again")
            return factor.prove(transaction, user, answer, memory[factor.kind])


def _dumped(challenge: Challenge) -> list[dict[str, str]]:
    return [asdict(each) for each in challenge.grounds]
