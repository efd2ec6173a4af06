"""The table of upkeep: what `ca serve` does again and again. A new job is a line here."""

from datetime import timedelta
from typing import Protocol

from pgward.ca.authority import Authority
from pgward.ca.records import CaName
from pgward.ca.store import Store
from pgward.ca.store.purge import purge
from pgward.ca.upkeep import Job

_CRL_EVERY = timedelta(hours=1)


class Renewable(Protocol):
    """The certificate of our own listener."""

    def renew_if_due(self) -> bool:
        """Get a new one in time; tell whether it was."""
        ...


def table(authority: Authority, certificate: Renewable, store: Store) -> list[Job]:
    """Return every job; those that change what all replicas share are the leader's."""
    return [
        Job("API certificate", 30, certificate.renew_if_due),
        Job("revocation lists", 30, lambda: renew_crls(authority), leader_only=True),
        Job("purge", 30, lambda: purge(store, authority.clock.now()), leader_only=True),
    ]


def renew_crls(authority: Authority) -> None:
    """Sign new CRLs when the newest are an hour old."""
    now, newest = authority.clock.now(), authority.crl(CaName.USER_ISSUING).this_update
    # One from the future, after the clock was put right, would have PostgreSQL refuse everyone.
    if not newest <= now <= newest + _CRL_EVERY:
        authority.publish_crls()
