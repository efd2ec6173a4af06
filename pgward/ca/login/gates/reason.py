"""The login reason, where one is required; it stands in the audit log and at the session."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from pgward.ca.login import answers
from pgward.ca.login.attempt import Ask, Attempt
from pgward.ca.login.gates.gate import View
from pgward.core.errors import InvalidInputError

MAX_LENGTH = 500


class ReasonAnswer(answers.Answer):
    """Why somebody logs in."""

    reason: str = Field(min_length=1, max_length=MAX_LENGTH)


class Reason:
    """Asks for a reason."""

    kind = "reason"

    def check(self, attempt: Attempt, view: View) -> Ask | None:
        """Ask when one is required and none was given."""
        if attempt.reason is not None:
            attempt.reason = checked(attempt.reason)
        if view.rules.reason and not attempt.reason:
            return Ask(self.kind)
        return None

    async def answer(self, attempt: Attempt, answer: Mapping[str, Any]) -> None:
        """Take the reason; raise InvalidInputError when it is no line of text."""
        attempt.reason = checked(answers.read(ReasonAnswer, answer).reason)


def checked(text: str) -> str:
    """Return a reason as it is kept: one printable line."""
    line = " ".join(text.split())
    if not line or len(line) > MAX_LENGTH or not line.isprintable():
        raise InvalidInputError(
            f"the reason is not one line of at most {MAX_LENGTH} printable letters"
        )
    return line
