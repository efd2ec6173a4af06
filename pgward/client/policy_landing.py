"""Whether a service takes somebody where they want to go, and what it wants to hear before.

An edge decides the same, with ``tunnel.edge.landing``, once policies and rules let somebody in.
"""

from collections.abc import Mapping
from typing import Any

from pgward.policy.context import Context
from pgward.policy.rules import Decision

NAMES = ("reasonRequired", "user", "database")
"""How they are called where they decide: as the fields of the service."""


def refusal(block: Mapping[str, Any], context: Context, own: str | None) -> Decision | None:
    """Return the decision that keeps somebody out of a configuration; None where it takes them.

    ``own`` is the role that is called as the person, where people are themselves.
    """
    if block.get("reasonRequired") and not context.session.reason:
        return _no("reasonRequired", "this service asks why you connect")
    role = block.get("user") or {}
    return _role(role, context, own) or _database(
        block.get("database") or {}, context, _landed(role, context, own)
    )


def _role(rule: Mapping[str, Any], context: Context, own: str | None) -> Decision | None:
    asked = context.connect.user
    if not rule or _landed(rule, context, own):
        return None
    known = " or ".join(sorted(_granted(rule)))
    if not known and not own and rule.get("fromGrant"):
        return _no("user", "you have no access role at this service now")
    if not known and not own:
        domain = rule.get("stripDomain")
        return _no("user", f"people of {domain} only are themselves at this service")
    if asked in ("", context.user.name):
        return _no("user", f"you must say as which user you connect ({known})")
    return _no("user", f"you may not connect as the user {asked!r}")


def _landed(rule: Mapping[str, Any], context: Context, own: str | None) -> str | None:
    """Return the role that somebody lands as; None where that is refused."""
    asked = context.connect.user
    if rule.get("force"):
        return str(rule["force"])
    if asked in _granted(rule) or (own and asked == own):
        return asked
    if asked in ("", context.user.name):  # libpq says the person's name where nobody chose
        return own or rule.get("default")
    return None


def _database(rule: Mapping[str, Any], context: Context, role: str | None) -> Decision | None:
    asked, may = context.connect.database, _granted(rule)
    if rule.get("force") or rule.get("allow") is None or asked in may:
        return None
    if asked not in ("", context.connect.user):
        return _no("database", f"you may not connect to the database {asked!r}")
    if rule.get("default") or role in may:
        return None
    return _no("database", f"you must say to which database ({' or '.join(sorted(may))})")


def _granted(rule: Mapping[str, Any]) -> set[str]:
    return {str(each) for each in (*(rule.get("allow") or ()), rule.get("default")) if each}


def _no(rule: str, reason: str) -> Decision:
    return Decision(allowed=False, rule=rule, reason=reason)
