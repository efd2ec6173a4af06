r"""Whether a name from outside may be a role, by pg_ident.conf (``check_ident_usermap``).

CockroachDB's maps are looked up in their own way (``cockroach_maps``). Of PostgreSQL's the lines
are tried in their order, and the first that lets it through decides. Before version 16 a
role in the map is a name and nothing else; of ``\1`` only the first is replaced, in every version,
and from 16 on none in a ``+group`` or an expression.
"""

from pgward.hba.decide import cockroach_maps
from pgward.hba.decide.names import role_is_meant
from pgward.hba.decide.server import Server
from pgward.hba.syntax.mappings import Mapping
from pgward.hba.syntax.regexes import compiled
from pgward.hba.syntax.tokens import Token
from pgward.hba.syntax.versions import Abilities, Dialect

GROUP = r"\1"


class BadMapError(ValueError):
    r"""A line that ends the search when it is used: ``\1`` without a group, a reserved role."""


def find(server: Server, named: str, system: str, role: str) -> int | None:
    """Return the index of the line of a map that lets a name be a role, None when none does.

    Raises BadMapError for what ends the search with a refusal, BeyondUsError.
    """
    if server.able.dialect is Dialect.COCKROACHDB:
        try:
            return cockroach_maps.find(server, named, system, role)
        except cockroach_maps.ReservedError as error:
            raise BadMapError(str(error)) from error
    for index, mapping in enumerate(server.mappings):
        if mapping.map == named and _lets(server, mapping, system, role):
            return index
    return None


def may_be(server: Server, named: str | None, system: str, role: str) -> bool:
    """Tell whether a name from outside may be a role; without a map it is the same name."""
    if not named:
        return server.able.folded(system) == role
    try:
        return find(server, named, system, role) is not None
    except BadMapError:
        return False


def takes_group(role: Token, able: Abilities) -> bool:
    r"""Tell whether a role of a map is what stands in for its ``\1``."""
    means_more = role.text.startswith("/") or (role.text.startswith("+") and not role.quoted)
    return GROUP in role.text and not (able.includes and means_more)


def _lets(server: Server, mapping: Mapping, system: str, role: str) -> bool:
    wanted, able = mapping.role, server.able
    if mapping.system.text.startswith("/"):
        expression = compiled(mapping.system.text[1:], able.version)
        if not expression.matches(system):
            return False
        if takes_group(wanted, able):
            group = expression.first_group(system)
            if group is None:
                raise BadMapError(
                    f"{mapping.system.text!r} has no group that matched for {wanted.text!r}"
                )
            # What was put in is a name, whatever it looks like.
            return wanted.text.replace(GROUP, group, 1) == role
    elif mapping.system.text != system:
        return False
    if not able.includes:
        return wanted.text == role
    return role_is_meant(server, [wanted], role)
