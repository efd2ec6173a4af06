"""Integrations as their catalogs need them: who may tell of one, who sees it, and its tags."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.engine import Connection

from pgward.access.tags import TagRule
from pgward.ca.access import deciders, declared
from pgward.ca.catalog.searching import Tagging
from pgward.ca.identity import directory
from pgward.ca.identity.directory import User
from pgward.ca.identity.machines import Machine
from pgward.ca.resources import stored
from pgward.core.errors import DeniedError

KIND: Final = "Integration"


def check_serves(connection: Connection, machine: Machine, integration: str) -> None:
    """Raise DeniedError unless a machine is the connector of an integration."""
    found = stored.find(connection, KIND, integration)
    spec: Mapping[str, Any] = {} if found is None else found.spec
    if spec.get(machine.kind.value) != machine.name:
        raise DeniedError(
            "this machine is the connector of no such integration",
            hint=f"look at connector in it: pgward get integration {integration[:63]}",
        )


def sees_all(user: User) -> bool:
    """Tell whether somebody sees every catalog."""
    return user.administrator or directory.AUDITORS in user.groups


def owned_by(connection: Connection, user: User) -> list[str]:
    """Return the integrations that somebody owns, by their ``owner``."""
    person = deciders.as_person(user)
    found = [each.name for each in stored.every(connection, KIND)]
    specs = {name: declared.integration(connection, name) for name in found}
    return [name for name, spec in specs.items() if spec and spec.owners().names(person)]


def tagging(spec: Mapping[str, Any]) -> Tagging:
    """Return the tags that an integration's spec gives to it, and to what its databases hold."""
    rules = [
        TagRule(
            database=each["database"],
            schema=each.get("schema") or "",
            table=each.get("table") or "",
            tags=each["tags"],
        )
        for each in spec.get("objectTags", [])
    ]
    return Tagging(spec.get("tags", {}), tuple(rules))
