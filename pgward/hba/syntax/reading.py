"""Read a server's files by its own grammar, whichever dialect it speaks."""

from collections.abc import Callable
from dataclasses import dataclass

from pgward.hba.syntax import (
    cockroach,
    cockroach_maps,
    go_regexes,
    mappings,
    regexes,
    rules,
    yugabyte,
)
from pgward.hba.syntax.files import Files, Placed, access_lines
from pgward.hba.syntax.go_regexes import GoRegex
from pgward.hba.syntax.mappings import Mapping
from pgward.hba.syntax.regexes import Regex
from pgward.hba.syntax.rules import Rule
from pgward.hba.syntax.tokens import Field
from pgward.hba.syntax.versions import Abilities, Dialect

_Lines = Callable[[str, Files, Abilities], list[Placed]]
_Fields = tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Grammar:
    """How lines are split and what they say: of pg_hba.conf, and of pg_ident.conf."""

    hba_lines: _Lines
    rule: Callable[[_Fields, Abilities], Rule]
    ident_lines: _Lines
    mapping: Callable[[_Fields, Abilities], Mapping]
    expression: Callable[[str, Abilities], Regex | GoRegex]


def grammar(able: Abilities) -> Grammar:
    """Return the grammar of a server."""
    return _GRAMMARS[able.dialect]


def expression(source: str, able: Abilities) -> Regex | GoRegex:
    """Compile an expression of a map, without the slash before it.

    Raises BadRegexError, BeyondUsError.
    """
    return _GRAMMARS[able.dialect].expression(source, able)


def _as_postgresql(source: str, able: Abilities) -> Regex:
    return regexes.compiled(source, able.version)


def _as_go(source: str, _able: Abilities) -> GoRegex:
    return go_regexes.compiled(source)


_POSTGRESQL = Grammar(access_lines, rules.read, access_lines, mappings.read, _as_postgresql)
_GRAMMARS = {
    Dialect.POSTGRESQL: _POSTGRESQL,
    Dialect.YUGABYTEDB: Grammar(
        yugabyte.hba_lines, rules.read, yugabyte.ident_lines, mappings.read, _as_postgresql
    ),
    Dialect.COCKROACHDB: Grammar(
        cockroach.lines, cockroach.read, cockroach_maps.lines, cockroach_maps.read, _as_go
    ),
}
