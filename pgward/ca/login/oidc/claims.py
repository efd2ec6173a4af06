"""Claims to a person and groups, by the rules of the provider's spec. Pure, and total.

Whoever can choose a claim's value must not choose who they are: an e-mail address counts only
when the provider verified it, a domain is taken off only when it is one of ours, and
``administrators`` comes from nothing but an explicit line of ``groupMap``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pgward.ca.identity.directory import ADMINISTRATORS
from pgward.ca.login.oidc.errors import NotAllowedError, UntrustedError
from pgward.ca.resources.oidc_provider import OidcSpec
from pgward.core import names
from pgward.core.errors import InvalidInputError

_MAX_GROUPS = 1000
_MAX_TEXT = 200
_DEFAULTS = ("preferred_username", "email")


@dataclass(frozen=True, slots=True)
class Person:
    """Who the claims say it is; ``groups`` None when nothing is said of groups by the rules."""

    name: str
    full_name: str
    email: str
    groups: frozenset[str] | None


def needed(spec: OidcSpec) -> list[str]:
    """Return the claims without which the rules cannot be applied; any one of a group is enough."""
    wanted = [spec.groups_claim, *spec.require_claims]
    return [each for each in wanted if each is not None]


def is_complete(claims: Mapping[str, Any], spec: OidcSpec) -> bool:
    """Tell whether all that the rules look at is there, so that nobody else need be asked."""
    named = (spec.user_claim,) if spec.user_claim else _DEFAULTS
    has_name = any(find(claims, each) is not None for each in named)
    return has_name and all(find(claims, each) is not None for each in needed(spec))


def person(claims: Mapping[str, Any], spec: OidcSpec) -> Person:
    """Return who it is; raise NotAllowedError, or UntrustedError for claims of wrong types."""
    _check_required(claims, spec)
    theirs = provider_groups(claims, spec)
    if spec.allow_groups is not None and theirs.isdisjoint(spec.allow_groups):
        raise NotAllowedError(
            "the identity provider does not have you in a group that may log in",
            hint="ask an administrator; the groups are in allowGroups",
        )
    return Person(
        name=_name(claims, spec),
        full_name=_text(claims.get("name")),
        email=_text(claims.get("email")) if _is_verified(claims) else "",
        groups=None if spec.groups_claim is None else our_groups(theirs, spec),
    )


def provider_groups(claims: Mapping[str, Any], spec: OidcSpec) -> frozenset[str]:
    """Return the groups as the provider calls them; raise UntrustedError for what is no list."""
    if spec.groups_claim is None:
        return frozenset()
    elsewhere = claims.get("_claim_names")
    if isinstance(elsewhere, dict) and spec.groups_claim in elsewhere:
        raise UntrustedError(
            f"it does not send {spec.groups_claim}, as there are too many: let it send only"
            " those of this client"
        )
    found = find(claims, spec.groups_claim)
    if found is None:
        return frozenset()
    listed = [found] if isinstance(found, str) else found
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise UntrustedError(f"{spec.groups_claim} is not a list of groups")
    if len(listed) > _MAX_GROUPS:
        raise UntrustedError(f"{spec.groups_claim} has more than {_MAX_GROUPS} groups")
    return frozenset(listed)


def our_groups(theirs: frozenset[str], spec: OidcSpec) -> frozenset[str]:
    """Return what the provider's groups are called here; those that cannot be are left out."""
    return frozenset(each for each in (_group(name, spec) for name in theirs) if each is not None)


def find(claims: Mapping[str, Any], path: str) -> Any:
    """Return a claim: by its whole name, or else by a path with dots; None when there is none."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def _group(theirs: str, spec: OidcSpec) -> str | None:
    if theirs in spec.group_map:
        return spec.group_map[theirs]
    if spec.unmapped_groups == "ignore":
        return None
    # A provider of paths, as Keycloak, says /dba.
    ours = (spec.group_prefix or "") + theirs.removeprefix("/").lower()
    try:
        names.resource_name(ours)
    except InvalidInputError:
        return None
    return None if ours == ADMINISTRATORS or not theirs.isascii() else ours


def _name(claims: Mapping[str, Any], spec: OidcSpec) -> str:
    for claim in (spec.user_claim,) if spec.user_claim else _DEFAULTS:
        value = find(claims, claim)
        if value is None or (claim == "email" and not _is_verified(claims)):
            continue
        if not isinstance(value, str):
            raise UntrustedError(f"{claim} is not text")
        return _identity(value, claim, spec)
    wanted = spec.user_claim or " or a verified ".join(_DEFAULTS)
    raise NotAllowedError(
        f"the identity provider did not say your {wanted}",
        hint="an administrator sets userClaim, or scopes, of the identity provider",
    )


def _identity(value: str, claim: str, spec: OidcSpec) -> str:
    name = value
    if spec.strip_domains:
        name, at, domain = value.rpartition("@")
        if not at or domain.lower() not in {each.lower() for each in spec.strip_domains}:
            raise NotAllowedError(
                f"your {claim} at the identity provider is in none of the domains that may log in",
                hint="ask an administrator; the domains are in stripDomains",
            )
    try:
        names.new_identity(name)
    except InvalidInputError as error:
        raise NotAllowedError(
            f"your {claim} at the identity provider cannot be a user name here", hint=error.hint
        ) from error
    return name.lower() if spec.lower_case else name


def _is_verified(claims: Mapping[str, Any]) -> bool:
    return claims.get("email_verified") in (True, "true")  # some send text in userinfo


def _text(value: object) -> str:
    """Return one line for people to read, or nothing: it is no reason to refuse anybody."""
    is_fine = isinstance(value, str) and value.isprintable() and len(value) <= _MAX_TEXT
    return str(value) if is_fine else ""


def _check_required(claims: Mapping[str, Any], spec: OidcSpec) -> None:
    for path, wanted in spec.require_claims.items():
        found = find(claims, path)
        have = found if isinstance(found, list) else [found]
        allowed = wanted if isinstance(wanted, list) else [wanted]
        # 1 is no True here.
        if not any(type(has) is type(want) and has == want for has in have for want in allowed):
            raise NotAllowedError(
                f"the identity provider does not say of you what {path} must be",
                hint="ask an administrator; the claims are in requireClaims",
            )
