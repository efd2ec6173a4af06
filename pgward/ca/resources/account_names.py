"""Names of connectors' accounts that log in by certificates: no person's, and no other connector's.

PostgreSQL lets in whoever has a certificate in the name (manual, chapter 20.12), on each server
that trusts the CA and has such a role.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy.engine import Connection

from pgward.ca.resources import stored as resources
from pgward.core.errors import ConflictError

_HINT = "give it a name of its own: user in the integration, and the role on the server"


def check_person(connection: Connection, name: str) -> None:
    """Refuse a new person's name that is an account's; raise ConflictError."""
    for integration, spec in _by_certificate(connection):
        if spec["user"].lower() == name.lower():
            raise ConflictError(
                f"the connector of the integration {integration!r} logs in as {name!r}",
                hint="choose another name",
            )


def check_account(connection: Connection, integration: str, spec: dict[str, Any]) -> None:
    """Refuse an account with another connector's name; raise ConflictError.

    One connector may have the name on several servers: it may be all of them anyway.
    """
    for other, its in _by_certificate(connection):
        same = its["user"].lower() == spec["user"].lower()
        if other != integration and same and _machine(its) != _machine(spec):
            raise ConflictError(
                f"{spec['user']!r} is also the account of the integration {other!r}, which has"
                " another connector: a certificate for one would let it in as the other",
                hint=_HINT,
            )


def of_person(account: str) -> ConflictError:
    """Return what is said of an account that has a person's name."""
    return ConflictError(
        f"{account!r} is a person's name: that person's login certificate would pass for the"
        " connector's",
        hint=_HINT,
    )


def _by_certificate(connection: Connection) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in resources.every(connection, "Integration"):
        if each.spec["auth"].get("certificate") is not None:
            yield each.name, each.spec


def _machine(spec: dict[str, Any]) -> tuple[Any, Any]:
    return spec.get("connector"), spec.get("edge")
