"""Specs of resources without somebody that they named; pure."""

import copy
from collections.abc import Mapping
from typing import Any, Final

Spec = dict[str, Any]
OWN: Final = "{user}"


def names(people: Mapping[str, Any] | None, user: str | None, group: str | None) -> bool:
    """Tell whether people (``users``, ``groups``) name a group, or without one a person."""
    if people is None:
        return False
    if group is not None:
        return group in (people.get("groups") or ())
    return (user or "").lower() in {each.lower() for each in people.get("users") or ()}


def without(people: Mapping[str, Any], user: str | None, group: str | None) -> Spec:
    """Return people without a group, or a person; all else of it stays."""
    found = copy.deepcopy(dict(people))
    if group is not None:
        found["groups"] = [each for each in found.get("groups") or () if each != group]
    else:
        users = found.get("users") or ()
        found["users"] = [each for each in users if each.lower() != (user or "").lower()]
    return found


def is_empty(people: Mapping[str, Any]) -> bool:
    """Tell whether nobody is named."""
    return not (people.get("users") or people.get("groups"))


def is_mapped(spec: Mapping[str, Any], role: str, user: str | None, group: str | None) -> bool:
    """Tell whether a role map lets somebody be a role."""
    return any(names(each, user, group) and _gives(spec, each, role) for each in _rules(spec))


def unmapped(spec: Mapping[str, Any], role: str, user: str | None, group: str | None) -> Spec:
    """Return a role map in which somebody is not a role any more; their other roles stay.

    The role of one's own, where the map makes one for everybody it names, goes with all others.
    """
    rules: list[Spec] = []
    for rule in _rules(spec):
        if not (names(rule, user, group) and _gives(spec, rule, role)):
            rules.append(copy.deepcopy(dict(rule)))
            continue
        others = without(rule, user, group)
        if not is_empty(others):
            rules.append(others)
        is_all = role == OWN and _manages(spec)
        left = [] if is_all else [each for each in rule.get("roles") or () if each != role]
        if left or (_manages(spec) and not is_all):
            one = {"groups": [group]} if group is not None else {"users": [user]}
            rules.append({**one, "roles": left})
    return {**copy.deepcopy(dict(spec)), "rules": rules}


def _rules(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(spec.get("rules") or ())


def _manages(spec: Mapping[str, Any]) -> bool:
    return bool((spec.get("roles") or {}).get("manage"))


def _gives(spec: Mapping[str, Any], rule: Mapping[str, Any], role: str) -> bool:
    return role in (rule.get("roles") or ()) or (role == OWN and _manages(spec))
