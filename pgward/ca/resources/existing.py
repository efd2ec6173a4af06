"""Whether what a resource names is there; files come in any order, so it is told, not refused."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import Connection

from pgward.ca.identity import machines
from pgward.ca.records import Kind
from pgward.ca.resources import references, shelf
from pgward.ca.resources.references import Reference
from pgward.ca.secrets import kept as secrets

_MACHINES = {"Edge": Kind.EDGE, "Host": Kind.HOST, "Connector": Kind.CONNECTOR}


def exists(connection: Connection, reference: Reference) -> bool:
    """Tell whether there is what a resource names."""
    kind, name = reference.kind, reference.name
    if kind in _MACHINES:
        return machines.find(connection, _MACHINES[kind], name) is not None
    if kind == "Secret":  # the value: it need not be declared
        return bool(secrets.versions(connection, [name]))
    return shelf.find(connection, kind, name) is not None


def missing(connection: Connection, spec: Mapping[str, Any]) -> list[str]:
    """Return a line for everything that a spec (JSON) names and that is not there, each once."""
    found = [each for each in references.of(spec) if not exists(connection, each)]
    named = dict.fromkeys((each.kind, each.name) for each in found)
    return [f"there is no {kind.lower()} {name!r} yet" for kind, name in named]
