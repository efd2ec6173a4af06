"""Revoking certificates: the store, the CRLs and the edges' snapshot change together."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from cryptography import x509

from pgward.ca import observe
from pgward.ca.identity import machines, sessions
from pgward.ca.records import PEOPLES, Kind, PublishedCrl
from pgward.ca.store import Transaction
from pgward.ca.store import certificates as stored
from pgward.ca.store.certificates import CertificateFilter

Reason = x509.ReasonFlags


class CrlPublisher(Protocol):
    """What signs new CRLs: the authority."""

    def publish_crls(self, names: Collection[str] | None = None) -> list[PublishedCrl]:
        """Sign and store new CRLs of the issuing CAs, or of those named."""
        ...


class Revoker:
    """Ends sessions and revokes certificates inside the caller's transaction."""

    def __init__(self, publisher: CrlPublisher) -> None:
        self._publisher = publisher

    def revoke(
        self, transaction: Transaction, wanted: CertificateFilter, *, now: datetime, reason: Reason
    ) -> list[str]:
        """Revoke what matches and still lives; return the serial numbers."""
        # Of these CAs only: a list may be long, and all other writers wait meanwhile.
        cas = stored.cas_of(transaction.connection, wanted, reason)
        serials = stored.revoke(transaction, wanted, now=now, reason=reason)
        if serials:
            self._publisher.publish_crls(cas)
            transaction.changed()
            observe.event("revoked", len(serials), reason=reason.value)
        return serials

    def remove_machine(
        self, transaction: Transaction, kind: Kind, name: str, *, now: datetime
    ) -> list[str]:
        """Forget an edge or a host and revoke its certificates; raise NotFoundError."""
        machines.remove(transaction, kind, name)
        wanted = CertificateFilter(kind=kind.value, subject=name, alive_at=now)
        return self.revoke(transaction, wanted, now=now, reason=Reason.cessation_of_operation)

    def cut_off(
        self, transaction: Transaction, user: str, why: str, *, now: datetime, reason: Reason
    ) -> list[str]:
        """End all sessions of a person and revoke all their living certificates."""
        sessions.end(transaction, why, now=now, user=user)
        transaction.ended()  # what runs on certificates of sessions that are long over ends, too
        wanted = CertificateFilter(kinds=PEOPLES, subject=user, alive_at=now)
        return self.revoke(transaction, wanted, now=now, reason=reason)

    def end_all_but(
        self, transaction: Transaction, user: str, why: str, *, now: datetime, keep: str
    ) -> list[str]:
        """End a person's login sessions but one; return the serial numbers revoked with them."""
        ended = sessions.end(transaction, why, now=now, user=user, keep=keep)
        return self.end_sessions(transaction, user, ended, now=now)

    def end_sessions(
        self, transaction: Transaction, user: str, ended: Sequence[str], *, now: datetime
    ) -> list[str]:
        """Revoke a person's living certificates that were issued inside these sessions."""
        return self.revoke(
            transaction,
            CertificateFilter(kinds=PEOPLES, subject=user, session_ids=tuple(ended), alive_at=now),
            now=now,
            reason=Reason.cessation_of_operation,
        )
