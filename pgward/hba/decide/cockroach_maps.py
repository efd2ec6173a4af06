r"""Whether a name from outside may be a role, by CockroachDB's identity map.

All lines of a map are looked at, not the first that fits: where one of them leads to a role that is
reserved, nobody with that name gets in (``HbaMapper`` in role_mapper.go, ``Conf.Map`` in
ident_map.go). Newer releases pay no regard to case here, older ones do.
"""

from collections.abc import Iterator

from pgward.hba.decide.server import Server
from pgward.hba.syntax import go_regexes
from pgward.hba.syntax.mappings import Mapping
from pgward.hba.syntax.regexes import BeyondUsError

_GROUP = r"\1"
_RESERVED = frozenset({"root", "public", "none", "node"})
_RESERVED_BEGINS = ("pg_", "crdb_internal_")


class ReservedError(ValueError):
    """A name that a map leads to a role to which none may lead."""


def is_reserved(role: str) -> bool:
    """Tell whether no map may lead to a role."""
    return role in _RESERVED or role.startswith(_RESERVED_BEGINS)


def find(server: Server, named: str, system: str, role: str) -> int | None:
    """Return the index of the line of a map that lets a name be a role, None when none does.

    Raises ReservedError, and BeyondUsError where releases differ.
    """
    answers = [_find(server, named, system, role, fold=fold) for fold in (False, True)]
    if (answers[0] is None) != (answers[1] is None) or any(
        isinstance(each, ReservedError) for each in answers
    ) != all(isinstance(each, ReservedError) for each in answers):
        raise BeyondUsError(
            f"only newer releases take {system!r} for what the map {named} has in other letters"
        )
    found = answers[0]
    if isinstance(found, ReservedError):
        raise found
    return found


def _find(
    server: Server, named: str, system: str, role: str, *, fold: bool
) -> int | ReservedError | None:
    first: int | None = None
    for index, name in _names(server, named, system, fold=fold):
        if is_reserved(name):
            return ReservedError(f"the map {named} leads {system!r} to {name}")
        if name == role and first is None:
            first = index
    return first


def _names(server: Server, named: str, system: str, *, fold: bool) -> Iterator[tuple[int, str]]:
    for index, mapping in enumerate(server.mappings):
        if mapping.map == named and (name := _led_to(mapping, system, fold=fold)):
            yield index, server.able.folded(name)


def _led_to(mapping: Mapping, system: str, *, fold: bool) -> str | None:
    text, role = mapping.system.text, mapping.role.text
    if not text.startswith("/"):
        same = text.casefold() == system.casefold() if fold else text == system
        return role if same else None
    expression = go_regexes.compiled(text[1:], fold=fold)
    if not expression.matches(system):
        return None
    return role if _GROUP not in role else role.replace(_GROUP, expression.first_group(system), 1)
