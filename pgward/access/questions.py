"""What would be run on a server if a request were approved: the question, and how it is answered.

The CA asks, and the connector answers with what the planner would do more than it would do anyhow.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from pgward.access.facts import Facts
from pgward.access.planning import plan
from pgward.access.plans import HIDDEN, Plan, Problem
from pgward.access.rights import Rights
from pgward.access.wanted import Grant, Wanted
from pgward.core import names
from pgward.core.errors import InvalidInputError

_WORDS: Final = re.compile("[0-9a-f]{1,32}")
# What is quoted is read whole: a name with such words in it, which anybody may have made, would
# hide all that stands between it and the next one.
_PASSWORD: Final = re.compile(
    r"""(?P<word>\bPASSWORD\s+)E?'(?:[^'\\]|\\.|'')*'"""
    r"""|"(?:[^"]|"")*"|\bE'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'""",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Question:
    """A request by its id, and what it would be as a grant; ``number`` tells each asking.

    ``bundles`` are those of the grant, as they are now; ``password`` is which one its role would
    have, if any.
    """

    request: str
    number: str
    grant: Grant
    bundles: Mapping[str, Rights] = field(default_factory=dict)
    password: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as connectors are told."""
        return {
            "request": self.request,
            "number": self.number,
            "grant": self.grant.to_json(),
            "bundles": {name: each.to_json() for name, each in sorted(self.bundles.items())},
            "password": self.password,
        }

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` wrote; raise InvalidInputError for anything else."""
        try:
            bundles = {
                names.resource_name(name): Rights.read(each)
                for name, each in fields["bundles"].items()
            }
            request, number = _word(fields["request"]), _word(fields["number"])
            grant = Grant.read(fields["grant"])
            password = fields.get("password")
            password = None if password is None else int(password)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInputError("a question about a request cannot be read") from error
        if not grant.bundles <= bundles.keys():
            raise InvalidInputError("a question names a bundle that is not there")
        return cls(request, number, grant, bundles, password)

    def beside(self, wanted: Wanted) -> Wanted:
        """Return what would be wanted; a grant that is there already is as the question has it."""
        others = tuple(each for each in wanted.grants if each.id != self.grant.id)
        bundles = {**wanted.bundles, **self.bundles}
        passwords = dict(wanted.passwords)
        if self.password is not None:
            passwords[self.grant.role] = self.password
        return replace(wanted, bundles=bundles, grants=(*others, self.grant), passwords=passwords)


def answer(
    question: Question, wanted: Wanted, facts: Facts, integration: str
) -> tuple[Plan, tuple[Problem, ...]]:
    """Return what would be done more for the question's grant, and what of it cannot be.

    ``facts`` are those for ``question.beside(wanted)``. What is to be done without it, too, is
    somebody else's: a change by hand, or another grant that is being made.
    """
    planned = plan(question.beside(wanted), facts, integration=integration)
    anyhow = plan(wanted, facts, integration=integration)
    steps, ends = set(anyhow.steps), set(anyhow.ends)
    more = replace(
        planned,
        steps=tuple(each for each in planned.steps if each not in steps),
        ends=tuple(each for each in planned.ends if each not in ends),
    )
    problems = tuple(each for each in planned.problems if question.grant.id in each.grants)
    return more, problems


def masked(statement: str) -> str:
    """Return a statement without a password in it, or what one is verified by."""
    return _PASSWORD.sub(_hidden, statement)


def _hidden(found: re.Match[str]) -> str:
    word = found["word"]
    return found[0] if word is None else f"{word}{HIDDEN}"


def _word(value: object) -> str:
    if not isinstance(value, str) or not _WORDS.fullmatch(value):
        raise InvalidInputError("that is no id")
    return value
