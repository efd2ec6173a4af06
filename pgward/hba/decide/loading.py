"""A server's files as one value: its rules and mappings, and where each of them stands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pgward.core.errors import InvalidInputError
from pgward.hba.decide.connection import World
from pgward.hba.decide.server import Server
from pgward.hba.syntax.files import Place, Placed
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.reading import grammar
from pgward.hba.syntax.tokens import Field
from pgward.hba.syntax.versions import Abilities

_MOST_SHOWN = 10
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A server, and the lines its rules and mappings were read from, in their order."""

    server: Server
    rule_lines: Sequence[Placed]
    mapping_lines: Sequence[Placed]


def load(hba: Sequence[Placed], ident: Sequence[Placed], able: Abilities, world: World) -> Loaded:
    """Read the lines of pg_hba.conf and pg_ident.conf.

    Raises InvalidInputError, with file, line and column, for what this version would not take:
    a server goes on with what it had before, so nothing can be said of such files.
    """
    problems: list[tuple[Place, str]] = []
    found = _read(hba, grammar(able).rule, able, problems)
    maps = _read(ident, grammar(able).mapping, able, problems)
    if not problems and not found:
        raise InvalidInputError(
            "pg_hba.conf has no line that says anything, and PostgreSQL does not take that",
            hint="the manual, chapter 20.1, says what belongs there",
        )
    if problems:
        shown = [f"{place}: {message}" for place, message in problems[:_MOST_SHOWN]]
        if len(problems) > _MOST_SHOWN:
            shown.append(f"and {len(problems) - _MOST_SHOWN} more")
        raise InvalidInputError(
            f"{able.name} would not take this: " + "\n".join(shown),
            hint=f"mend it first: {able.on_refusal}",
        )
    return Loaded(Server(able, found, maps, world), hba, ident)


def _read(
    lines: Sequence[Placed],
    read: Callable[[tuple[Field, ...], Abilities], T],
    able: Abilities,
    problems: list[tuple[Place, str]],
) -> list[T]:
    found: list[T] = []
    for line in lines:
        try:
            if line.problem is not None:
                raise line.problem
            found.append(read(line.fields, able))
        except BadLineError as error:
            problems.append((line.at(error), error.message))
    return found
