"""What the routes of identity providers work with; one process's."""

from dataclasses import dataclass
from typing import Self

from pgward.ca.login.desk import Desk
from pgward.ca.login.oidc.providers import Providers
from pgward.ca.revoking.revocation import Revoker


@dataclass(frozen=True, slots=True)
class Office:
    """The providers, and what ends logins for them."""

    desk: Desk
    revoker: Revoker
    providers: Providers

    @classmethod
    def open(cls, desk: Desk, revoker: Revoker) -> Self:
        """Return an office."""
        return cls(desk, revoker, Providers(desk))
