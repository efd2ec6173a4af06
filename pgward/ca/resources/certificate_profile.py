"""The kind CertificateProfile: rules for the certificates of some people or some machines."""

import re
from datetime import timedelta
from typing import Annotated, Literal, Self

from cryptography.x509.oid import ExtendedKeyUsageOID
from pydantic import AfterValidator, Field, model_validator

from pgward.ca.issuing import profiles, rules, templates
from pgward.ca.issuing.rules import Rules
from pgward.ca.resources.durations import duration
from pgward.ca.resources.model import MAX_LIST, Label, Metadata, Model, People, checked
from pgward.core.errors import InvalidInputError
from pgward.pki import chain

_LEAST = timedelta(minutes=1)  # less cannot be renewed in time
_MOST_BACKDATED = timedelta(minutes=10)
_OID = re.compile(r"[0-2](\.(0|[1-9]\d{0,9})){1,20}")
# What would let a person's key pose as a server's, sign for the authority, or do anything at all.
_NEVER = {
    each.dotted_string
    for each in (
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
        ExtendedKeyUsageOID.OCSP_SIGNING,
        ExtendedKeyUsageOID.TIME_STAMPING,
        ExtendedKeyUsageOID.CODE_SIGNING,
        chain.SNAPSHOT_SIGNING,
        chain.MINTED,
        chain.WEB,
    )
}


def _lifetime(text: str) -> str:
    if duration(text) < _LEAST:
        raise InvalidInputError(f"{text} is less than {_LEAST.seconds} seconds")
    return text


def _backdate(text: str) -> str:
    if text != "0s" and duration(text) > _MOST_BACKDATED:
        raise InvalidInputError(f"{text} is more than 10m")
    return text


def _purpose(text: str) -> str:
    if not _OID.fullmatch(text):
        raise InvalidInputError(f"{text!r} is no object identifier")
    if text in _NEVER:
        raise InvalidInputError(f"{text} is a purpose that pgward gives out itself, or to nobody")
    return text


def _distinct(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise ValueError("names something twice")
    return values


Lifetime = Annotated[str, checked(_lifetime)]
Backdate = Annotated[str, checked(_backdate)]
Purpose = Annotated[str, checked(_purpose)]
Template = Annotated[str, Field(max_length=300), checked(templates.check)]
Pattern = Annotated[str, Field(max_length=253), checked(rules.check_pattern)]
Distinct = AfterValidator(_distinct)
_Few = Field(min_length=1, max_length=20)
_Many = Field(max_length=MAX_LIST)


class AppliesTo(People):
    """Whose certificates: people, by name, group or what they may use; or machines, by name."""

    services: Annotated[list[Label], _Many] = Field(default_factory=list)
    edges: Annotated[list[Label], _Many] = Field(default_factory=list)
    hosts: Annotated[list[Label], _Many] = Field(default_factory=list)

    @property
    def people(self) -> bool:
        """Whether it names people."""
        return bool(self.users or self.groups or self.services)

    @property
    def machines(self) -> bool:
        """Whether it names machines."""
        return bool(self.edges or self.hosts)

    def is_person(self, user: str, groups: tuple[str, ...], services: set[str]) -> bool:
        """Tell whether it names this person; names without regard to case."""
        return self.names(user, groups) or not services.isdisjoint(self.services)


class CertificateProfileSpec(Model):
    """What certificates may be; what is left out is as it is without a profile."""

    applies_to: AppliesTo
    lifetime: Lifetime | None = None
    max_lifetime: Lifetime | None = None
    backdate: Backdate | None = None
    key_algorithms: (
        Annotated[list[Literal[rules.KEY_ALGORITHMS]], _Few, Distinct] | None  # type: ignore[valid-type]
    ) = None
    extra_purposes: Annotated[list[Purpose], Field(max_length=20), Distinct] = Field(
        default_factory=list
    )
    alt_names: Annotated[list[Template], Field(max_length=20), Distinct] = Field(
        default_factory=list
    )
    permitted_names: Annotated[list[Pattern], _Many] | None = None
    excluded_names: Annotated[list[Pattern], _Many] = Field(default_factory=list)

    @model_validator(mode="after")
    def _check(self) -> Self:
        """See that the fields fit each other."""
        if self.applies_to.people == self.applies_to.machines:
            raise ValueError("appliesTo names either people or machines")
        if self.applies_to.people and (self.permitted_names is not None or self.excluded_names):
            raise ValueError("permittedNames and excludedNames are for machines")
        variable = "{user}" if self.applies_to.people else "{machine}"
        if any(variable not in each for each in self.alt_names):
            raise ValueError(f"altNames must have {variable} in them here")
        most = profiles.LOGIN if self.applies_to.people else profiles.SERVER
        for name, text in (("lifetime", self.lifetime), ("maxLifetime", self.max_lifetime)):
            if text is not None and duration(text) > most.max_lifetime:
                raise ValueError(f"{name} is more than {_short(most.max_lifetime)}")
        if (_read(self.lifetime) or _LEAST) > (_read(self.max_lifetime) or timedelta.max):
            raise ValueError("lifetime is more than maxLifetime")
        return self

    def rules(self, name: str) -> Rules:
        """Return it as the issuer uses it."""
        permitted = () if self.permitted_names is None else (tuple(self.permitted_names),)
        return Rules(
            profiles=(name,),
            lifetime=_read(self.lifetime),
            max_lifetime=_read(self.max_lifetime),
            backdate=_read(self.backdate),
            key_algorithms=None if self.key_algorithms is None else tuple(self.key_algorithms),
            extra_purposes=tuple(self.extra_purposes),
            alt_names=tuple(self.alt_names),
            permitted=permitted,
            excluded=tuple(self.excluded_names),
        )


class CertificateProfile(Model):
    """A resource of kind CertificateProfile."""

    kind: Literal["CertificateProfile"]
    metadata: Metadata
    spec: CertificateProfileSpec


def _read(text: str | None) -> timedelta | None:
    if text is None:
        return None
    return timedelta() if text == "0s" else duration(text)


def _short(lifetime: timedelta) -> str:
    return f"{lifetime.days}d" if lifetime.days > 1 else f"{lifetime // timedelta(hours=1)}h"
