"""What administrators declared about access: flows, integrations and bundles, as they are now."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.access import tags
from pgward.access.flows import Asked, Flow
from pgward.access.people import People
from pgward.access.rights import Rights
from pgward.ca.resources import stored as resources
from pgward.ca.resources.access_flow import AccessFlowSpec
from pgward.ca.resources.integration import IntegrationSpec
from pgward.ca.resources.kinds import ServiceSpec
from pgward.ca.resources.role_bundle import RoleBundleSpec
from pgward.ca.resources.stored import Resource
from pgward.ca.store.schema import group_members
from pgward.core.errors import ConflictError, NotFoundError

_MOST = 2048  # resources that are remembered as they were read


@dataclass(frozen=True, slots=True)
class Target:
    """A service that somebody asks for, and the server behind it if a connector is there."""

    service: str
    labels: Mapping[str, str] = field(default_factory=dict)
    integration: str | None = None
    spec: IntegrationSpec | None = None
    description: str = ""


def target(connection: Connection, service: str) -> Target:
    """Return a service; raise NotFoundError. An integration that is not there yet is none."""
    found = resources.find(connection, "Service", service)
    if found is None:
        raise NotFoundError(f"there is no service {service!r}", hint="pgward request")
    spec = _service(_text(found))
    linked = None if spec.integration is None else integration(connection, spec.integration)
    name = None if linked is None else spec.integration
    return Target(service, dict(spec.labels or {}), name, linked, found.description)


def targets(connection: Connection, only: Collection[str] | None = None) -> list[Target]:
    """Return all services by name, or those of ``only`` that there are."""
    integrations = {
        each.name: _integration(_text(each)) for each in resources.every(connection, "Integration")
    }
    found = []
    for each, spec in resources.services(connection, only):
        linked = integrations.get(spec.integration or "")
        name = None if linked is None else spec.integration
        labels = dict(spec.labels or {})
        found.append(Target(each.name, labels, name, linked, each.description))
    return found


def flows(connection: Connection) -> list[Flow]:
    """Return all access flows by name."""
    return [
        _flow(each.name, each.version, _text(each))
        for each in resources.every(connection, "AccessFlow")
    ]


def flow(connection: Connection, name: str) -> Flow | None:
    """Return an access flow, or None."""
    found = resources.find(connection, "AccessFlow", name)
    return None if found is None else _flow(found.name, found.version, _text(found))


def integration(connection: Connection, name: str) -> IntegrationSpec | None:
    """Return an integration, or None."""
    found = resources.find(connection, "Integration", name)
    return None if found is None else _integration(_text(found))


def bundles(connection: Connection, names: Collection[str]) -> dict[str, RoleBundleSpec]:
    """Return those of these role bundles that there are."""
    found = resources.several(connection, "RoleBundle", names)
    return {each.name: _bundle(_text(each)) for each in found}


def check_bundles(connection: Connection, names: Collection[str], integration: str | None) -> None:
    """Raise ConflictError for a bundle that is not there, or not for this server."""
    found = bundles(connection, names)
    for name in sorted(names):
        if name not in found or integration not in found[name].integrations:
            raise ConflictError(
                f"the bundle {name} is not for this server any more",
                hint="`pgward request SERVICE` shows what you may ask for",
            )


def owners(connection: Connection, aim: Target, asked: Asked) -> list[People]:
    """Return the owners of what is asked for, found through tags; nobody is an empty one.

    A tag's value is a group's name; where no such group is, a person's.
    """
    if aim.spec is None:
        return [People()]
    spec, rules = aim.spec, aim.spec.tag_rules()
    inside = Rights()
    for bundle in bundles(connection, asked.bundles).values():
        inside |= bundle.rights()
    whole = asked.rights | inside
    named: set[str | None] = set()
    for each in whole.objects:
        named |= tags.owners_of(spec.tags, rules, each, tag=spec.owner_tag)
    if whole.roles or not whole.objects:
        named.add(spec.tags.get(spec.owner_tag))
    return [called(connection, each) for each in sorted(named, key=str)]


def called(connection: Connection, name: str | None) -> People:
    """Return whom an owner's tag names: a group, or else a person; None is nobody."""
    if name is None:
        return People()
    members = group_members.c
    is_group = connection.execute(
        sa.select(members.user_name).where(members.group_name == name).limit(1)
    ).first()
    return People.of(groups=[name]) if is_group is not None else People.of(users=[name])


def _text(resource: Resource) -> str:
    return json.dumps(resource.spec, sort_keys=True)


@lru_cache(_MOST)
def _service(text: str) -> ServiceSpec:
    return ServiceSpec.model_validate(_read(text))


@lru_cache(_MOST)
def _flow(name: str, version: int, text: str) -> Flow:
    return AccessFlowSpec.model_validate(_read(text)).flow(name, version)


@lru_cache(_MOST)
def _integration(text: str) -> IntegrationSpec:
    return IntegrationSpec.model_validate(_read(text))


@lru_cache(_MOST)
def _bundle(text: str) -> RoleBundleSpec:
    return RoleBundleSpec.model_validate(_read(text))


def _read(text: str) -> Any:
    return json.loads(text)
