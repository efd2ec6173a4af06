"""The two factors that are typed: a code of an authenticator app, and a recovery code."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field
from sqlalchemy.engine import Connection

from pgward.ca.identity import recovery, second_factors, totp
from pgward.ca.keys.sealing import Sealer
from pgward.ca.login import answers, grounds
from pgward.ca.login.factors.factor import Challenge, WrongFactorError
from pgward.ca.login.grounds import Ground
from pgward.ca.store import Transaction
from pgward.core.clock import Clock

_HINT = "the code changes every 30 seconds, and each works once"


class CodeAnswer(answers.Answer):
    """A code as it was typed."""

    code: str = Field(max_length=100)


def seal_secret(sealer: Sealer, user: str, secret: bytes) -> bytes:
    """Return an app's secret as it is stored: for this person alone."""
    return sealer.seal(_purpose(user), secret)


def _purpose(user: str) -> str:
    return f"totp secret {user}"


class TotpFactor:
    """A code of an authenticator app."""

    kind = "totp"

    def __init__(self, sealer: Sealer, clock: Clock) -> None:
        self._sealer = sealer
        self._clock = clock

    def challenge(self, connection: Connection, user: str) -> Challenge | None:
        """Ask who has an app."""
        found = second_factors.totp(connection, user)
        return None if found is None else Challenge(grounds=[grounds.app(found)])

    def prove(
        self,
        transaction: Transaction,
        user: str,
        answer: Mapping[str, Any],
        memory: Mapping[str, Any],  # noqa: ARG002 - a code needs none
    ) -> Ground:
        """Judge a code; its step is used up, and all steps before it."""
        code = answers.read(CodeAnswer, answer).code
        found = second_factors.totp(transaction.connection, user)
        if found is None:
            raise WrongFactorError("wrong code", why="no authenticator app", hint=_HINT)
        secret = self._sealer.open(_purpose(user), found.sealed)
        step = totp.matching_step(
            secret, code, now=self._clock.now().timestamp(), last_step=found.last_step
        )
        if step is None or not second_factors.use_step(transaction, user, step):
            raise WrongFactorError("wrong code", why="wrong or used TOTP code", hint=_HINT)
        return grounds.app(found)


class RecoveryFactor:
    """One of the codes on paper."""

    kind = "recovery"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def challenge(self, connection: Connection, user: str) -> Challenge | None:
        """Ask who has codes left."""
        left = len(second_factors.unused_codes(connection, user))
        made_at = second_factors.codes_made_at(connection, user)
        if not left or made_at is None:
            return None
        return Challenge({"recovery_codes_left": left}, grounds=[grounds.recovery(user, made_at)])

    def prove(
        self,
        transaction: Transaction,
        user: str,
        answer: Mapping[str, Any],
        memory: Mapping[str, Any],  # noqa: ARG002 - a code needs none
    ) -> Ground:
        """Judge a code, and use it up."""
        code = answers.read(CodeAnswer, answer).code
        stored = second_factors.unused_codes(transaction.connection, user)
        found = recovery.matching(stored, user, code)
        used = found is not None and second_factors.use_code(
            transaction, user, found, self._clock.now()
        )
        made_at = second_factors.codes_made_at(transaction.connection, user)
        if not used or made_at is None:
            raise WrongFactorError(
                "wrong recovery code",
                why="wrong or used recovery code",
                hint="each works once; an administrator can reset: pgward user reset-mfa",
            )
        return grounds.recovery(user, made_at)
