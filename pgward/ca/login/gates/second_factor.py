"""The second factor: of whoever has one, and of all for whom it is required.

A login by a password alone is asked for it by whoever set one up. An identity provider does that
itself, so its people are asked only where a rule requires a factor that it did not vouch for. Who
needs one and has none sets an authenticator app up now, and is then in; but from a device that may
come in only, for whoever has stolen a password must not leave a factor of their own behind.
"""

from collections.abc import Mapping
from typing import Any

from anyio.to_thread import run_sync

from pgward.ca.login import answers
from pgward.ca.login.attempt import Ask, Attempt
from pgward.ca.login.factors.codes import CodeAnswer
from pgward.ca.login.factors.desk import FactorDesk
from pgward.ca.login.factors.enrolment import Enrolment
from pgward.ca.login.factors.factor import SECOND
from pgward.ca.login.gates.gate import View

_KNOWLEDGE = frozenset({"password", "ldap"})
_CHALLENGE, _ENROLMENT = "challenge", "enrolment"


class SecondFactor:
    """Asks ``second_factor`` of who has one."""

    kind = "second_factor"

    def __init__(self, factors: FactorDesk) -> None:
        self._factors = factors

    def check(self, attempt: Attempt, view: View) -> Ask | None:
        """Ask unless one was proved already, or there is none."""
        if not SECOND.isdisjoint(attempt.factors):
            return None
        if not view.rules.second_factor and _KNOWLEDGE.isdisjoint(attempt.factors):
            return None
        challenge = self._factors.challenge(view.connection, view.user.name)
        if challenge is None:
            return None  # `NewSecondFactor` is asked later
        return Ask(self.kind, challenge.facts, {_CHALLENGE: dict(challenge.memory)})

    async def answer(self, attempt: Attempt, answer: Mapping[str, Any]) -> None:
        """Take a factor; raise WrongFactorError, DeniedError."""
        ground = await self._factors.prove(
            attempt.actor,
            answer,
            attempt.memory[_CHALLENGE],
            flow=attempt.id,
            thumbprint=attempt.thumbprint,
        )
        attempt.prove_factor(ground)


class NewSecondFactor:
    """Asks ``totp_enroll`` of who needs a second factor and has none."""

    kind = "new_second_factor"

    def __init__(self, enrolment: Enrolment) -> None:
        self._enrolment = enrolment

    def check(self, attempt: Attempt, view: View) -> Ask | None:
        """Ask where a rule requires what was not proved: `SecondFactor` found nothing to ask."""
        if not view.rules.second_factor or not SECOND.isdisjoint(attempt.factors):
            return None
        offered = self._enrolment.offer(view.user.name, now=view.now)
        return Ask("totp_enroll", offered.facts, {_ENROLMENT: offered.sealed})

    async def answer(self, attempt: Attempt, answer: Mapping[str, Any]) -> None:
        """Take the first code of a new app; raise WrongFactorError, DeniedError."""
        code = answers.read(CodeAnswer, answer).code
        sealed = attempt.memory[_ENROLMENT]
        attempt.prove_factor(
            await run_sync(self._enrolment.confirm_at_login, attempt, sealed, code)
        )
