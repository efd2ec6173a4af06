"""Certificates in the names of connectors' accounts: on what grounds, and when they are revoked."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from cryptography import x509
from sqlalchemy.engine import Connection

from pgward.ca.acts import RefusedError
from pgward.ca.identity import directory
from pgward.ca.records import Kind
from pgward.ca.resources import account_names
from pgward.ca.resources import stored as resources
from pgward.ca.resources.integration import IntegrationSpec
from pgward.ca.store import Transaction
from pgward.ca.store.certificates import CertificateFilter
from pgward.core.errors import ConflictError

Reason = x509.ReasonFlags


def check(connection: Connection, integration: str, spec: IntegrationSpec) -> None:
    """Refuse an account whose name is somebody else's too; raise ConflictError."""
    if spec.auth.certificate is None:
        return
    if directory.find(connection, spec.user) is not None:
        raise account_names.of_person(spec.user)
    stored = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    account_names.check_account(connection, integration, stored)


def lifetime(connection: Connection, integration: str, spec: IntegrationSpec) -> timedelta:
    """Return for how long one may be; raise RefusedError, which says why."""
    if spec.auth.certificate is None:
        raise _refused(
            "the integration does not log in by certificates",
            f"look at auth in it: pgward get integration {integration}",
        )
    try:
        check(connection, integration, spec)
    except ConflictError as error:  # it was applied before the other was there
        raise _refused(error.message, error.hint or "") from error
    return timedelta(minutes=spec.auth.certificate.minutes)


class Revoking(Protocol):
    """Revokes certificates, and publishes the lists."""

    def revoke(
        self, transaction: Transaction, wanted: CertificateFilter, *, now: datetime, reason: Reason
    ) -> list[str]:
        """Revoke what matches; return the serial numbers."""
        ...


def revoke(
    transaction: Transaction,
    revoker: Revoking,
    machine: tuple[Kind, str],
    *,
    now: datetime,
    reason: Reason,
) -> list[str]:
    """Revoke what a connector has in its accounts' names; return the serial numbers."""
    found: list[str] = []
    for name in sorted(set(_accounts(transaction.connection, machine))):
        wanted = CertificateFilter(kind=Kind.ACCOUNT.value, subject=name, alive_at=now)
        found += revoker.revoke(transaction, wanted, now=now, reason=reason)
    return found


def revoke_former(
    transaction: Transaction,
    revoker: Revoking,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    *,
    now: datetime,
) -> list[str]:
    """Revoke what an integration's account has, where another connector, or none, has it now.

    ``before`` and ``after`` are specs, None where there is none; return the serial numbers.
    """
    if before is None or _holder(before) in {None, _holder(after or {})}:
        return []
    wanted = CertificateFilter(kind=Kind.ACCOUNT.value, subject=before["user"], alive_at=now)
    return revoker.revoke(transaction, wanted, now=now, reason=Reason.cessation_of_operation)


def _holder(spec: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Return who gets certificates, and in which name; None where nobody does."""
    if "certificate" not in spec.get("auth", {}):
        return None
    return spec.get("connector"), spec.get("edge"), spec["user"]


def _accounts(connection: Connection, machine: tuple[Kind, str]) -> Iterator[str]:
    kind, name = machine
    for each in resources.every(connection, "Integration"):
        if each.spec.get(kind.value) == name and "certificate" in each.spec.get("auth", {}):
            yield str(each.spec["user"])


def _refused(why: str, hint: str) -> RefusedError:
    return RefusedError(f"no certificate is made: {why}", why=why, hint=hint)
