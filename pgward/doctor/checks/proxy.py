"""A proxy on the way to the CA; nothing of the kind is used for edges and PostgreSQL."""

from urllib.parse import urlsplit

from pgward.core.address import Address
from pgward.core.errors import InvalidInputError
from pgward.doctor.finding import Finding, fail, warn
from pgward.doctor.network import Route
from pgward.doctor.patient import Patient

CHECK = "proxy"


def look(patient: Patient) -> Finding | None:
    """Find the proxy that the environment names for the CA, if any."""
    parts = urlsplit(patient.need_trust().ca_url)
    host = parts.hostname or ""
    patient.ca_route = Route("the CA", Address(host, parts.port or 443))
    named = proxy_for(host, {name.lower(): value for name, value in patient.environ.items()})
    if named is None:
        return None
    proxy = urlsplit(named if "://" in named else f"http://{named}")
    try:
        port = proxy.port or 8080
        host_there = proxy.hostname or ""
        address = Address.parse(
            f"[{host_there}]" if ":" in host_there else host_there, default_port=port
        )
    except (ValueError, InvalidInputError):
        return fail(
            CHECK,
            "HTTPS_PROXY names no address",
            hint="unset HTTPS_PROXY, or set it to http://HOST:PORT",
        )
    patient.ca_route = Route("the proxy", address)
    return warn(
        CHECK,
        f"the CA is asked through the proxy {address}",
        "HTTPS_PROXY or ALL_PROXY says so; edges and PostgreSQL are reached without it",
        f"if it does not let the CA through: NO_PROXY={host}",
    )


def proxy_for(host: str, environ: dict[str, str]) -> str | None:
    """Return the proxy for https://host by variables with lower-case names."""
    named = environ.get("https_proxy") or environ.get("all_proxy")
    if not named:
        return None
    direct = [each.strip().lstrip(".") for each in environ.get("no_proxy", "").split(",")]
    past = any(each in ("*", host) or host.endswith(f".{each}") for each in direct if each)
    return None if past else named
