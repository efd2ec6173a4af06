"""This machine's posture, told to the CA at logins and before renewals."""

from typing import Any

from pgward.client.api import ApiClient
from pgward.core.errors import PgwardError, UnavailableError
from pgward.system.posture.gather import Cache

_CACHE = Cache()
TITLES = {
    "os_name": "system",
    "os_version": "version",
    "kernel": "kernel",
    "disk_encrypted": "disk encrypted",
    "screen_lock": "screen lock",
    "firewall": "firewall",
    "updates_age_days": "days since updates",
}
_WORDS = {True: "yes", False: "no"}


def facts() -> dict[str, Any]:
    """Return what this machine says of itself; at most two seconds, and never an error."""
    return _CACHE.get().as_json()


def report(api: ApiClient) -> None:
    """Tell the CA; raise UnavailableError, as what comes after would.

    Nothing else is an error here: an older CA does not ask, and a refusal is the renewal's to tell.
    """
    try:
        api.post("/v1/me/posture", {"posture": facts()})
    except UnavailableError:
        raise
    except PgwardError:
        return


def for_people(found: dict[str, Any]) -> dict[str, str]:
    """Return each fact in one line, with how it was found."""
    return {name: _line(found.get(name)) for name in TITLES}


def _line(fact: Any) -> str:
    if not isinstance(fact, dict):
        return str(fact or "unknown")
    value = fact.get("value")
    said = _WORDS[value] if isinstance(value, bool) else str(value)
    return f"{said} ({fact.get('how')})"
