"""The CAs of this authority over the years: who issues, who is trusted, whose CRLs count. Pure.

A *generation* is one CA in its role: ``user-issuing`` is the first that issues to people, and
``user-issuing-2`` its successor. A rotation leads it through its states:

    next -> current -> previous -> retired

``next``, ``current`` and ``previous`` are trusted; only ``current`` issues.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography import x509

from pgward.ca.records import CaName
from pgward.core.errors import NotFoundError


class State(StrEnum):
    """What a generation is there for."""

    NEXT = "next"
    CURRENT = "current"
    PREVIOUS = "previous"
    RETIRED = "retired"


_ORDER = (State.CURRENT, State.NEXT, State.PREVIOUS, State.RETIRED)
ROOTS = {CaName.USER_ISSUING: CaName.USER_ROOT, CaName.SERVER_ISSUING: CaName.SERVER_ROOT}
"""The role of the root above each issuing role."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One CA; ``cross`` are certificates of a root by its predecessor, for who knows only that.

    ``key`` says where its private key is. ``crl_until`` is when the last list of a retired CA may
    go: an hour after the last certificate that it issued.
    """

    id: str
    role: CaName
    state: State
    certificate: x509.Certificate
    cross: tuple[x509.Certificate, ...]
    key: str
    created_at: datetime
    retired_at: datetime | None = None
    crl_until: datetime | None = None

    @property
    def is_trusted(self) -> bool:
        """Whether anyone should trust it."""
        return self.state is not State.RETIRED

    @property
    def is_root(self) -> bool:
        """Whether it is a root."""
        return self.role in ROOTS.values()

    def has_list(self, now: datetime) -> bool:
        """Tell whether its CRL is kept up."""
        return self.is_trusted or (self.crl_until is not None and now < self.crl_until)


@dataclass(frozen=True, slots=True)
class Generations:
    """All generations of all roles; those of a role with the current one first."""

    all: tuple[Generation, ...]

    @classmethod
    def of(cls, found: Iterable[Generation]) -> "Generations":
        """Put them in order: by role, and in a role by use."""
        roles = list(CaName)

        def key(each: Generation) -> tuple[int, int, datetime, str]:
            return roles.index(each.role), _ORDER.index(each.state), each.created_at, each.id

        return cls(tuple(sorted(found, key=key)))

    def get(self, name: str) -> Generation:
        """Return the generation with an id; raise NotFoundError."""
        for each in self.all:
            if each.id == name:
                return each
        raise NotFoundError(f"there is no CA {name!r}", hint="pgward ca rotate status")

    def current(self, role: CaName) -> Generation:
        """Return the one that issues (or the root above it); raise NotFoundError."""
        for each in self._of(role):
            if each.state is State.CURRENT:
                return each
        raise NotFoundError(f"there is no current {role} CA")

    def trusted(self, role: CaName) -> tuple[Generation, ...]:
        """Return all of a role that are trusted, the current one first."""
        return tuple(each for each in self._of(role) if each.is_trusted)

    def certificates(self, role: CaName) -> tuple[x509.Certificate, ...]:
        """Return the certificates of those that are trusted."""
        return tuple(each.certificate for each in self.trusted(role))

    def trusted_ids(self, *roles: CaName) -> tuple[str, ...]:
        """Return the ids of those that are trusted."""
        return tuple(each.id for role in roles for each in self.trusted(role))

    def with_lists(self, now: datetime) -> tuple[Generation, ...]:
        """Return all whose CRLs are kept up."""
        return tuple(each for each in self.all if each.has_list(now))

    def retired(self, role: CaName) -> tuple[Generation, ...]:
        """Return those of a role that are not trusted any more."""
        return tuple(each for each in self._of(role) if not each.is_trusted)

    def issuer_of(self, generation: Generation) -> Generation:
        """Return the root that signed an issuing CA; raise NotFoundError."""
        for root in self._of(ROOTS[generation.role]):
            if _is_issued_by(generation.certificate, root.certificate):
                return root
        raise NotFoundError(f"there is no root of {generation.id}")

    def next_id(self, role: CaName) -> str:
        """Return an id that no generation of this role has had."""
        numbers = [int(each.id.removeprefix(role).lstrip("-") or 1) for each in self._of(role)]
        return f"{role}-{max(numbers) + 1}" if numbers else str(role)

    def digest(self) -> str:
        """Return a text that is the same for whoever knows the same of every generation."""
        text = " ".join(f"{each.id}={each.state}" for each in self.all)
        return hashlib.sha256(text.encode()).hexdigest()

    def _of(self, role: CaName) -> Iterator[Generation]:
        return (each for each in self.all if each.role is role)


def _is_issued_by(certificate: x509.Certificate, root: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(root)
    except Exception:  # noqa: BLE001 - ValueError, TypeError or InvalidSignature: all mean no
        return False
    return True
