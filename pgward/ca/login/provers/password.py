"""The password once more, for services that accept it: it is no second factor."""

from collections.abc import Mapping
from typing import Any

from anyio.to_thread import run_sync
from pydantic import Field

from pgward.ca import caller
from pgward.ca.acts import RefusedError
from pgward.ca.identity import directory
from pgward.ca.login import answers, grounds
from pgward.ca.login.attempt import Ask, Attempt
from pgward.ca.login.desk import Desk
from pgward.ca.login.grounds import Ground

_LONGEST = 1024


class PasswordAnswer(answers.Answer):
    """The password."""

    password: str = Field(min_length=1, max_length=_LONGEST, repr=False)


class PasswordProver:
    """Asks ``password`` where the service's rule names it."""

    kind = "password"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def begin(self, attempt: Attempt, accepted: frozenset[str]) -> Ask | None:
        """Ask whoever has a password here."""
        _, encoded = await run_sync(self._look_up, attempt.actor)
        if self.kind not in accepted or encoded is None:
            return None
        return Ask(self.kind, {"user": attempt.actor})

    async def answer(self, attempt: Attempt, answer: Mapping[str, Any]) -> str | Ask:
        """Verify it; wrong ones count as at a login with this session's device, which is known.

        So nobody who guesses elsewhere keeps its owner from proving it here.
        """
        password = answers.read(PasswordAnswer, answer).password
        desk, user, address = self._desk, attempt.actor, caller.client.get()
        desk.throttle.begin(address, user, desk.monotonic(), device=attempt.thumbprint)
        ground, encoded = await run_sync(self._look_up, user)
        if not await desk.workers.verify(encoded, password) or encoded is None:
            raise RefusedError("wrong password", why="wrong password", hint=None)
        desk.throttle.succeeded(address, user, device=attempt.thumbprint)
        attempt.prove_factor(ground)
        return self.kind

    def _look_up(self, user: str) -> tuple[Ground, str | None]:
        """Return a password, as what a proof rests on, and its hash if there is one."""
        with self._desk.store.read() as connection:
            found = directory.get(connection, user)
            return grounds.password(found), directory.password_hash(connection, user)
