"""Requests and grants in words: pure functions of what the CA's API says, and the time."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pgward.client.access import objects
from pgward.client.phrases import counted, duration, when
from pgward.core.clock import parse_rfc3339

LEAST_ID = 6
"""Letters of an id that are shown at least."""
ENTRY = "entry to the service"
_MOST_BRIEF = 4

_BY_ITSELF = "system:"  # begins the actors of what nobody did
_ENDS: Mapping[str, str] = {
    "expired": "its time is over",
    "revoked": "it was revoked",
    "cancelled": "it was given back",
    "blocked": "the person may not log in any more",
    "removed": "what allowed it is no more",
    "failed": "it could not be given",
}
_DID: Mapping[str, str] = {"approve": "approved", "deny": "denied it"}


def short_ids(ids: Sequence[str]) -> dict[str, str]:
    """Return for each id its beginning that tells it from the others, as git shows commits."""
    length = LEAST_ID
    while len({each[:length] for each in ids}) < len(set(ids)):
        length += 1
    return {each: each[:length] for each in ids}


def what(asked: Mapping[str, Any]) -> list[str]:
    """Return what a request or grant is for: bundles, roles, and privileges as ``--on`` has them.

    With none of them it is for coming in at all. What is in the bundles is said where it is known.
    """
    known = {each["name"]: inside(each) for each in asked.get("inside") or ()}
    return [
        *(f"{name}{known.get(name, '')}" for name in asked["bundles"]),
        *(f"role {each}" for each in asked["roles"]),
        *(objects.told(each) for each in asked["privileges"]),
    ] or [ENTRY]


def inside(bundle: Mapping[str, Any]) -> str:
    """Return what is in a bundle, in brackets."""
    rights = [f"role {name}" for name in bundle["roles"]]
    rights += [objects.told(each) for each in bundle["privileges"]]
    return f" ({'; '.join(rights) or 'nothing'})"


def brief(asked: Mapping[str, Any]) -> list[str]:
    """Return the first of what a request or grant is for, and how much more there is."""
    return first(what({**asked, "inside": None}))


def first(texts: list[str]) -> list[str]:
    """Return the first of many texts, and how many more there are."""
    if len(texts) <= _MOST_BRIEF:
        return texts
    return [*texts[: _MOST_BRIEF - 1], f"and {len(texts) - _MOST_BRIEF + 1} more"]


def seconds(number: float) -> str:
    """Return a number of seconds in words."""
    return duration(timedelta(seconds=number))


def state(request: Mapping[str, Any], now: datetime) -> str:
    """Return how a request stands, that of its grant once there is one."""
    grant = request.get("grant")
    if request["state"] == "pending":
        lapses = request.get("lapses_at")
        return f"pending, lapses {_when(lapses, now)}" if lapses else "pending"
    if request["state"] == "approved" and grant is not None:
        return grant_state(grant, now)
    decided = request.get("decided_at")
    return f"{request['state']} {_when(decided, now)}" if decided else str(request["state"])


def grant_state(grant: Mapping[str, Any], now: datetime) -> str:
    """Return how a grant stands: being made, until when it lives, or why it ended."""
    match grant["state"]:
        case "pending":
            return "approved, not there yet"
        case "active":
            return f"active, ends {_when(grant['until'], now)}"
        case "ended":
            reason = grant.get("end_reason") or "ended"
            return f"{reason} {_when(grant['ended_at'], now)}" if grant["ended_at"] else reason
        case other:
            return str(other)


def approval(each: Mapping[str, Any]) -> str:
    """Return one of the approvals that a request needs: how many, of whom, and how many came."""
    whom = [*each["users"], *(f"group {name}" for name in each["groups"])]
    whom += ["the integration's owner"] if each["integration_owner"] else []
    whom += ["the owner of what is asked for"] if each["resource_owner"] else []
    given = f" ({each['given']} given)" if each.get("given") else ""
    return f"{each['count']} of {' or '.join(whom) or 'nobody'}{given}"


def approvals(of: Mapping[str, Any]) -> str:
    """Return all that a request or offer needs; none is needed where it is automatic."""
    return "; ".join(map(approval, of["approvals"])) or "none needed"


def waits_for(request: Mapping[str, Any]) -> list[str]:
    """Return who may still say yes, as far as the CA tells this person."""
    missing = [each for each in request["approvals"] if each.get("given", 0) < each["count"]]
    names = {name for each in missing for name in each.get("approvers") or ()}
    said = {each["by"] for each in request["decisions"] if each["what"] == "approve"}
    return sorted(names - said)


def timeline(request: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what happened to a request, in order: times (RFC 3339) and words."""
    return sorted(_events(request), key=lambda event: parse_rfc3339(event[0]))


def _events(request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    emergency = " by breaking the glass" if request["break_glass"] else ""
    yield request["created_at"], f"{request['user']} asked{emergency}{_because(request['reason'])}"
    for each in request["decisions"]:
        did = _DID.get(each["what"], each["what"])
        void = "" if each.get("counts", True) else ", which does not count any more"
        yield each["at"], f"{each['by']} {did}{_because(each['reason'])}{void}"
    decided, how = request.get("decided_at"), request.get("automatic")
    if decided and how:
        yield decided, f"approved by the rule {how}"
    elif decided and request["break_glass"]:
        yield decided, "it was given at once"
    if decided and request["state"] == "lapsed":
        yield decided, "it lapsed: nobody decided in time"
    if decided and request["state"] == "cancelled":
        yield decided, f"{request['user']} cancelled it"
    if request.get("acknowledged_at"):
        yield request["acknowledged_at"], f"{request['acknowledged_by']} took note of it"
    if request.get("grant") is not None:
        yield from _of_grant(request["grant"])


def _of_grant(grant: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if grant["activated_at"]:
        role = f", as the role {grant['role']}" if grant["role"] else ""
        yield grant["activated_at"], f"it is there{role}"
    if grant["ended_at"]:
        sessions = grant.get("sessions_ended")
        cut = f"; {counted(sessions, 'session')} ended" if sessions else ""
        yield grant["ended_at"], f"it ended: {ending(grant)}{cut}"


def ending(grant: Mapping[str, Any]) -> str:
    """Return why a grant ended, and by whom."""
    why = _ENDS.get(grant["end_reason"] or "", grant["end_reason"] or "no reason is known")
    who = grant.get("ended_by") or _BY_ITSELF
    by = "" if who.startswith(_BY_ITSELF) else f", by {who}"
    problem = f": {grant['problem']}" if grant["problem"] else ""
    return f"{why}{problem}{by}"


def _because(reason: str | None) -> str:
    return f": {reason}" if reason else ""


def _when(moment: str, now: datetime) -> str:
    return when(parse_rfc3339(moment), now)
