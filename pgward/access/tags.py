"""Tags of a server's objects, and who is found through them as an object's owner.

Tags come from the integration only: whoever may COMMENT on a table must not choose who approves
access to it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pgward.access.rights import ANY, ObjectRights, matches

OWNER: Final = "owner"
"""The tag that names an object's owner, unless an integration has another one."""


@dataclass(frozen=True, slots=True)
class TagRule:
    """Tags of what matches: a database and all in it, a schema and all in it, or tables.

    All three are patterns. ``table`` means views, too; with "" the whole schema is meant, and
    without ``schema`` the whole database.
    """

    database: str = ANY
    schema: str = ""
    table: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        """How narrow it is: of rules for one object, the tags of the narrowest count."""
        return 2 if self.table else 1 if self.schema else 0


def tags_of(
    base: Mapping[str, str],
    rules: Iterable[TagRule],
    database: str,
    schema: str = "",
    table: str = "",
) -> dict[str, str]:
    """Return the tags of an object: the integration's, and what rules say, the narrowest last.

    ``schema`` is "" for a database, and ``table`` for all but tables and views.
    """
    found = dict(base)
    for rule in sorted(rules, key=lambda each: each.depth):
        if _means(rule, database, schema, table):
            found |= rule.tags
    return found


def owners_of(
    base: Mapping[str, str],
    rules: Iterable[TagRule],
    rights: ObjectRights,
    *,
    tag: str = OWNER,
) -> frozenset[str | None]:
    """Return the owners (users or groups) of all that rights on objects may mean.

    Rights by pattern may mean what several own. None is among them where some of it has no owner.
    """
    table = rights.name if rights.kind == "table" else ""
    asked = (rights.database, rights.name if rights.kind == "schema" else rights.schema, table)
    found: frozenset[str | None] = frozenset({base.get(tag)})
    for rule in sorted(rules, key=lambda each: each.depth):
        if tag not in rule.tags:
            continue
        owner = frozenset({rule.tags[tag]})
        if _means(rule, *asked):
            found = owner
        elif _touches(rule, *asked):
            found |= owner
    return found


def _means(rule: TagRule, database: str, schema: str, table: str) -> bool:
    """Tell whether a rule means an object, or all that patterns mean.

    A star among the letters of a pattern is met only by a star, which meets all that it stands for.
    """
    return (
        matches(rule.database, database)
        and (not rule.schema or (schema != "" and matches(rule.schema, schema)))
        and (not rule.table or (table != "" and matches(rule.table, table)))
    )


def _touches(rule: TagRule, database: str, schema: str, table: str) -> bool:
    """Tell whether a rule means some of what patterns mean."""
    return (
        overlap(rule.database, database)
        and (not rule.schema or (schema != "" and overlap(rule.schema, schema)))
        and (not rule.table or (table != "" and overlap(rule.table, table)))
    )


def overlap(one: str, other: str) -> bool:
    """Tell whether there is a name that two patterns both match; both have at most 63 letters."""
    # reached[j]: the first letters of `one` and the first j of `other` can be the same name.
    reached = [True, *(other[:j] == ANY * j for j in range(1, len(other) + 1))]
    for letter in one:
        row = [reached[0] and letter == ANY]
        for j, its in enumerate(other, 1):
            if ANY in (letter, its):
                row.append(reached[j] or row[j - 1] or reached[j - 1])
            else:
                row.append(reached[j - 1] and letter == its)
        reached = row
    return reached[-1]
