"""What the handlers of requests work with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from pgward.ca.acme.accounts import Account
from pgward.ca.acme.identifiers import Allowed
from pgward.ca.acme.master import Master
from pgward.ca.acme.settings import AcmeSettings
from pgward.ca.acts import Acts
from pgward.ca.authority import Authority
from pgward.ca.resources.rule_book import RuleBook
from pgward.ca.revoking.revocation import Revoker
from pgward.ca.store import Store


def _nobody() -> None:
    """Wake nobody."""


@dataclass(slots=True)
class Office:
    """The authority and its store, the settings, and who is woken when there is work."""

    authority: Authority
    store: Store
    master: Master
    acts: Acts
    revoker: Revoker
    rule_book: RuleBook
    wake: Callable[[], None] = field(default=_nobody)

    @property
    def settings(self) -> AcmeSettings:
        """The section ``[acme]``."""
        return self.authority.settings.acme

    def now(self) -> datetime:
        """Return the wall-clock time."""
        return self.authority.clock.now()

    def allowed(self, account: Account) -> Allowed:
        """Return what an account may ask for: what its EAB key says, or else the settings."""
        if account.eab is not None:
            return account.eab.allowed
        if account.kid is not None:  # its key is gone, and with it what it said
            return Allowed()
        return Allowed(self.settings.dns, self.settings.ips)


def make(authority: Authority, store: Store, master: Master) -> Office:
    """Join the parts."""
    acts = Acts(store, authority.clock)
    book = RuleBook(store, authority.settings)
    return Office(authority, store, master, acts, Revoker(authority), book)
