"""What a connector is told of its integrations: where each is, and what must be there."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.access.flows import Asked
from pgward.access.request_states import LIVE
from pgward.access.wanted import Grant as WantedGrant
from pgward.access.wanted import Wanted
from pgward.ca.access import asked_checks, asked_plans, declared, requests
from pgward.ca.accounts import access_roles, changing
from pgward.ca.catalog import intake
from pgward.ca.identity.machines import Machine
from pgward.ca.resources import stored as resources
from pgward.ca.resources.integration import IntegrationSpec
from pgward.ca.resources.service_auth import Auth
from pgward.ca.store.schema import users
from pgward.ca.store.schema_access import access_grants
from pgward.core.clock import precise_rfc3339
from pgward.core.errors import InvalidInputError

_GRANTS = access_grants.c
_DIGITS = 16
ENDING = "ending"


def of_machine(
    connection: Connection, machine: Machine, version: int, now: datetime
) -> list[dict[str, Any]]:
    """Return all integrations of a connector, or of an edge that has one inside, by name."""
    return [_told(connection, name, spec, version, now) for name, spec in _own(connection, machine)]


def tag_of(told: list[dict[str, Any]]) -> str:
    """Return what tells this from other answers; the version alone makes none another."""
    plain = [{**each, "wanted": {**each["wanted"], "version": 0}} for each in told]
    text = json.dumps(plain, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def spec_of(connection: Connection, machine: Machine, integration: str) -> IntegrationSpec | None:
    """Return an integration that is this machine's, or None."""
    spec = declared.integration(connection, integration)
    return spec if spec is not None and _is_of(spec, machine) else None


def wanted(
    connection: Connection, integration: str, spec: IntegrationSpec, version: int, now: datetime
) -> Wanted:
    """Return what a server must have now: the live grants of people who may be there."""
    values = {"of_integration": integration, "at": now}
    live = connection.execute(_LIVE, values).all()
    found = [_grant(*row[:-1]) for row in live]
    names = {name for each in found for name in each.bundles}
    bundles = {
        name: each.rights()
        for name, each in declared.bundles(connection, names).items()
        if integration in each.integrations
    }
    # A bundle that is gone gives nothing; what else a grant has ends with it in a moment.
    grants = tuple(each for each in found if each.bundles <= bundles.keys())
    needed = {name for each in grants for name in each.bundles}
    return Wanted(
        version,
        {name: rights for name, rights in bundles.items() if name in needed},
        grants,
        spec.reassign_to,
        access_roles.wanted(connection, integration, _services_by_role(live)),
    )


def passwords(
    connection: Connection, integration: str, roles: Collection[str], now: datetime
) -> dict[str, int]:
    """Return which passwords those of the roles must have now that live grants need there."""
    values = {"of_integration": integration, "at": now}
    live = connection.execute(_LIVE.where(_GRANTS.role.in_(roles)), values).all()
    return access_roles.wanted(connection, integration, _services_by_role(live))


def _services_by_role(live: Iterable[sa.Row[Any]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for each in live:
        if each.role is not None:
            found.setdefault(each.role, set()).add(each.service)
    return found


def _own(connection: Connection, machine: Machine) -> Iterator[tuple[str, IntegrationSpec]]:
    for each in resources.every(connection, "Integration"):
        if each.spec.get(machine.kind.value) == machine.name:
            spec = declared.integration(connection, each.name)
            if spec is not None and _is_of(spec, machine):
                yield each.name, spec


def _is_of(spec: IntegrationSpec, machine: Machine) -> bool:
    name = {"connector": spec.connector, "edge": spec.edge}.get(machine.kind.value)
    return name == machine.name


def _told(
    connection: Connection, name: str, spec: IntegrationSpec, version: int, now: datetime
) -> dict[str, Any]:
    return {
        "name": name,
        "settings": _settings(connection, name, spec)
        | {"accounts": changing.due(connection, name, spec.accounts, now)},
        "wanted": wanted(connection, name, spec, version, now).to_json(),
        "ending": [
            {"id": each.id, "role": each.role}
            for each in requests.grants(
                connection, _GRANTS.integration == name, _GRANTS.state == ENDING
            )
        ],
        "questions": list(asked_plans.questions(connection, name, spec, now)),
        "check": asked_checks.number(connection, name, now),
    }


def _settings(connection: Connection, name: str, spec: IntegrationSpec) -> dict[str, Any]:
    asked = intake.asked_at(connection, name)
    discovery = spec.discovery
    return {
        "host": spec.host,
        "port": spec.port,
        "database": spec.database,
        "user": spec.user,
        "auth": _auth(spec.auth),
        "ssl_mode": spec.ssl_mode,
        "ssl_root_cert": spec.ssl_root_cert,
        "server_name": spec.server_name,
        "discovery": {
            "every": discovery.seconds,
            "databases": list(discovery.databases),
            "exclude": list(discovery.exclude),
            "asked": None if asked is None else precise_rfc3339(asked),
        },
    }


def _auth(auth: Auth) -> dict[str, Any]:
    if auth.password is not None:
        return {"password": auth.password.model_dump(exclude_none=True)}
    if auth.certificate is not None:
        return {"certificate": {"minutes": auth.certificate.minutes}}
    return {"none": True}


# Who is blocked or gone is left out before anyone else knows.
_ABLE = sa.select(users.c.name).where(
    users.c.name == _GRANTS.user_name,
    users.c.blocked_at.is_(None),
    sa.or_(users.c.valid_from.is_(None), users.c.valid_from <= sa.bindparam("at")),
    sa.or_(users.c.valid_until.is_(None), users.c.valid_until > sa.bindparam("at")),
)
_LIVE = sa.select(
    _GRANTS.id,
    _GRANTS.user_name,
    _GRANTS.role,
    _GRANTS.ends_at,
    sa.cast(_GRANTS.rights, sa.Text),
    _GRANTS.service,
).where(
    _GRANTS.integration == sa.bindparam("of_integration"),
    _GRANTS.state.in_(LIVE),
    _GRANTS.ends_at > sa.bindparam("at"),
    _ABLE.exists(),
)


def _grant(name: str, person: str, role: str | None, until: datetime, rights: str) -> WantedGrant:
    if role is None:
        raise InvalidInputError(f"the grant {name} has no role")
    asked = _asked(rights)
    return WantedGrant(
        id=name,
        person=person,
        role=role,
        until=until,
        bundles=asked.bundles,
        rights=asked.rights,
    )


@lru_cache(4096)  # many ask for the same
def _asked(rights: str) -> Asked:
    return Asked.read(json.loads(rights))
