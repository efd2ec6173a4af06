"""Specs of identity providers: of what ``pgward idp add`` was told, and as a row of a table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pgward.core.errors import InvalidInputError
from pgward.system.files import storage_errors

_MAX_CA_FILE = 256 * 1024
COLUMNS = {"name": "NAME", "type": "TYPE", "at": "AT", "description": "DESCRIPTION"}


def spec_of(
    *,
    issuer: str,
    client_id: str,
    ca_file: Path | None,
    admin_group: str | None,
    group_map: tuple[str, ...],
    require_claims: tuple[str, ...],
    **given: Any,
) -> dict[str, Any]:
    """Return a spec of what was given; the CA fills in the rest."""
    mapped = _pairs("--group-map", group_map)
    if admin_group is not None:
        mapped[admin_group] = "administrators"
    if mapped and not given["group_claim"]:
        raise InvalidInputError("groups are mapped, and come from nowhere", hint="--group-claim")
    found = {
        "ca": None if ca_file is None else _read(ca_file),
        "scopes": given["scopes"],
        "userClaim": given["user_claim"],
        "stripDomains": given["strip_domains"],
        "groupsClaim": given["group_claim"],
        "groupPrefix": given["group_prefix"],
        "groupMap": mapped,
        "allowGroups": given["allow_groups"],
        "requireClaims": _pairs("--require-claim", require_claims),
        "secondFactor": _second_factor(given["second_factor"]),
        "createUsers": given["create_users"],
        "linkExisting": given["link_existing"],
        "redirectPorts": given["redirect_ports"],
    }
    shown = {
        key: list(value) if isinstance(value, tuple) else value for key, value in found.items()
    }
    least = {"type": "oidc", "issuer": issuer, "clientId": client_id}
    return least | {key: value for key, value in shown.items() if value}


def _pairs(option: str, given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for each in given:
        left, equals, right = each.rpartition("=")
        if not equals or not left or not right:
            raise InvalidInputError(f"{option} {each!r} is not THIS=THAT")
        found[left] = right
    return found


def _second_factor(given: tuple[str, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in given:
        claim, equals, value = each.partition("=")
        if claim not in ("amr", "acr") or not equals or not value:
            raise InvalidInputError(
                f"--second-factor {each!r} is neither amr=VALUE nor acr=VALUE",
                hint="what the provider says in its ID token, for example amr=mfa",
            )
        found.setdefault(claim, []).append(value)
    return found


def shown_second_factor(spec: Mapping[str, Any]) -> list[str]:
    """Return what vouches for a second factor, as ``--second-factor`` takes it."""
    found = spec.get("secondFactor") or {}
    return [f"{claim}={value}" for claim in ("amr", "acr") for value in found.get(claim, ())]


def _read(path: Path) -> str:
    with storage_errors(path, "read"), path.open("rb") as file:
        data = file.read(_MAX_CA_FILE + 1)
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        raise InvalidInputError("it is not certificates in PEM", where=str(path)) from None


def user_claim(spec: Mapping[str, Any]) -> str | None:
    """Return what an OpenID provider's people are called by."""
    if spec["type"] != "oidc":
        return None
    return spec.get("userClaim") or "preferred_username, else a verified email"


def asked_again(spec: Mapping[str, Any]) -> str:
    """Say how often the provider is asked about people who are logged in."""
    if not spec.get("refreshMinutes"):
        lacking = "bindDn" if spec.get("userDn") else "idAttribute"
        return f"never before the next login, for want of {lacking}"
    whom = " of those with a refresh token" if spec["type"] == "oidc" else ""
    return (
        f"every {spec['refreshMinutes']} min, at renewals{whom};"
        f" they go on for {spec.get('refreshGraceMinutes')} min while it is away"
    )


def row(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Return a provider as a row of ``COLUMNS``."""
    spec, metadata = resource["spec"], resource["metadata"]
    return {
        "name": metadata["name"],
        "type": spec["type"],
        "at": spec.get("issuer") or spec.get("servers"),
        "description": metadata.get("description"),
    }
