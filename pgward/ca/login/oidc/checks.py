"""What an administrator wants to know of a provider before people meet it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pgward.ca.login.oidc.errors import ProviderAwayError, RefusedError, UntrustedError
from pgward.ca.login.oidc.key_set import ALGORITHMS
from pgward.ca.login.oidc.metadata import Metadata
from pgward.ca.login.oidc.provider import Provider
from pgward.ca.login.way_back import CALLBACK
from pgward.ca.resources.oidc_provider import OidcSpec
from pgward.core.errors import PgwardError

Verdict = Literal["ok", "warning", "failed"]
_USUAL = ("openid", "profile", "email")
# No provider has given out such a token, so a client that is known hears `invalid_grant`.
_PROBE = {"grant_type": "refresh_token", "refresh_token": "pgward-idp-test"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    detail: str


async def look(provider: Provider) -> list[Check]:
    """Ask the provider all that can be asked without a person."""
    try:
        metadata = await provider.metadata()
    except PgwardError as error:
        return [Check("discovery", "failed", error.message)]
    spec = provider.spec
    return [
        Check("discovery", "ok", f"{metadata.issuer} answers, and names itself so"),
        await _keys(provider, metadata),
        await _client(provider),
        _scopes(spec, metadata),
        _groups(spec),
        *_abilities(spec, metadata),
    ]


def completed(spec: Mapping[str, Any], metadata: Metadata) -> dict[str, Any]:
    """Return a spec with what its provider can do, where the administrator left it open."""
    full = dict(spec)
    if "scopes" not in full:
        extra = [each for each in ("offline_access", "groups") if each in metadata.scopes]
        if not full.get("groupsClaim"):
            extra = [each for each in extra if each != "groups"]
        full["scopes"] = [*_USUAL, *extra]
    full.setdefault("deviceCode", metadata.device_authorization_endpoint is not None)
    return full


def register(spec: OidcSpec, name: str, ca_url: str, portal: str) -> dict[str, Any]:
    """Return what must be registered at the provider; ``portal`` is where browsers come back."""
    ports = [f":{port}" for port in spec.redirect_ports] or [""]
    return {
        "client_id": spec.client_id,
        "application_type": "native",
        "redirect_uris": [*(f"http://127.0.0.1{port}{CALLBACK}" for port in ports), portal],
        "backchannel_logout_uri": f"{ca_url}/v1/login/oidc/{name}/backchannel-logout",
    }


async def _keys(provider: Provider, metadata: Metadata) -> Check:
    usable = sorted(ALGORITHMS.intersection(metadata.algorithms))
    if not usable:
        return Check("keys", "failed", "it signs with no public key algorithm that we know")
    try:
        count = len((await provider.keys()).keys)
    except PgwardError as error:
        return Check("keys", "failed", error.message)
    if not count:
        return Check("keys", "failed", "its key set has no key that verifies signatures")
    return Check("keys", "ok", f"{count} usable, for {', '.join(usable)}")


async def _client(provider: Provider) -> Check:
    try:
        await provider.token(_PROBE)
    except RefusedError as error:
        if error.error == "invalid_grant":
            return Check("client", "ok", "the provider knows the client, and its secret if any")
        if error.error in ("invalid_client", "unauthorized_client"):
            return Check("client", "failed", f"the provider says {error.error}")
        return Check("client", "warning", f"the provider says {error.error}: it cannot be told")
    except (ProviderAwayError, UntrustedError) as error:
        return Check("client", "failed", error.message)
    return Check("client", "failed", "the provider accepted a token that it never gave out")


def _scopes(spec: OidcSpec, metadata: Metadata) -> Check:
    unknown = [each for each in spec.scopes if metadata.scopes and each not in metadata.scopes]
    if unknown:
        return Check("scopes", "warning", f"the provider does not announce {', '.join(unknown)}")
    return Check("scopes", "ok", " ".join(spec.scopes))


def _groups(spec: OidcSpec) -> Check:
    if spec.groups_claim is None:
        return Check("groups", "warning", "none are taken from the provider (groupsClaim)")
    return Check("groups", "ok", f"taken from the claim {spec.groups_claim}")


def _abilities(spec: OidcSpec, metadata: Metadata) -> list[Check]:
    refreshes = "offline_access" in spec.scopes
    pkce = "S256" in metadata.pkce
    return [
        _ability("pkce", pkce, "S256", "S256 is not announced; it is used all the same"),
        _ability("issuer in answers", metadata.sends_issuer, "yes (RFC 9207)", "not sent"),
        _ability(
            "device codes",
            metadata.device_authorization_endpoint is not None,
            "yes",
            "not announced: no login on machines without a browser",
        ),
        _ability(
            "refresh",
            refreshes,
            "offline_access is asked for",
            "without the scope offline_access some providers let nobody be asked about again",
        ),
        _ability(
            "logout page",
            metadata.end_session_endpoint is not None,
            "yes: pgward logout --provider",
            "not announced: who logs out here stays logged in there",
        ),
        _ability(
            "back-channel logout",
            metadata.logs_out,
            "yes",
            "not announced: a logout there ends nothing here before the next renewal",
        ),
    ]


def _ability(name: str, is_there: bool, yes: str, no: str) -> Check:
    return Check(name, "ok" if is_there else "warning", yes if is_there else no)
