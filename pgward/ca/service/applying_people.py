"""Applying people and groups: what administrators can do to each, from a file.

Who comes from an identity provider is the provider's to name and to group; a file that says
otherwise is refused, as the next login would undo it.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pgward.ca.acts import Act
from pgward.ca.identity import directory, external, sessions
from pgward.ca.identity.directory import NewUser
from pgward.ca.resources import history, shelf
from pgward.ca.resources.history import Version
from pgward.ca.resources.person import Group, User
from pgward.ca.resources.stored import Change, Resource
from pgward.ca.revoking.revocation import Reason
from pgward.ca.service.context import Context
from pgward.ca.store import Transaction
from pgward.ca.store.schema_login import provider_groups
from pgward.core import names
from pgward.core.errors import ConflictError, NotFoundError

_ELSEWHERE = "changed by other means: the audit log has how, and by whom"


def put(
    context: Context,
    act: Act,
    wanted: User | Group,
    found: Resource | None,
    *,
    reason: str,
    restored: int | None,
) -> tuple[Resource, Change]:
    """Make a person or a group what a file says; raise ConflictError, NotFoundError."""
    if isinstance(wanted, User):
        name = _put_user(context, act, wanted, found)
    else:
        name = _put_group(act.transaction, wanted, found)
    now = shelf.get(act.transaction.connection, wanted.kind, name)
    if found is not None and found.spec == now.spec:
        return now, "unchanged"
    _remember(act, found, now, at=context.now(), reason=reason, restored=restored)
    return now, "updated" if found else "created"


def delete(context: Context, act: Act, kind: str, name: str, *, reason: str) -> None:
    """Remove a person, with all sessions and certificates, or all members of a group."""
    transaction, at = act.transaction, context.now()
    found = shelf.get(transaction.connection, kind, name)
    if kind == "User":
        directory.remove(transaction, found.name)
        why, gone = "user removed", Reason.cessation_of_operation
        serials = context.revoker.cut_off(transaction, found.name, why, now=at, reason=gone)
        act.details["revoked"] = len(serials)
    else:
        _keep_given(transaction, name, set())
        directory.change_members(transaction, name, remove=found.spec["members"])
    act.target = found.name
    _remember(act, found, None, at=at, reason=reason, restored=None)


def keep_within(context: Context, act: Act, user: directory.User) -> None:
    """Have sessions and certificates keep to the dates of an account."""
    now = context.now()
    if user.valid_until is not None:
        sessions.cap(act.transaction, user.name, user.valid_until)
    if not user.is_valid(now):
        serials = context.revoker.cut_off(
            act.transaction,
            user.name,
            "the account is not valid",
            now=now,
            reason=Reason.privilege_withdrawn,
        )
        act.details["revoked"] = len(serials)


def _put_user(context: Context, act: Act, wanted: User, found: Resource | None) -> str:
    transaction, spec, now = act.transaction, wanted.spec, context.now()
    said = spec.said()
    if found is None:
        new = NewUser(wanted.metadata.name, spec.full_name, spec.email, said.get("groups", ()))
        name = directory.add(transaction, new, now=now, by=act.actor).name
    else:
        name = found.name
        _keep_provided(transaction, found, said)
        directory.update(
            transaction,
            name,
            full_name=said.get("fullName"),
            email=said.get("email"),
            groups=said.get("groups"),
        )
    act.target = name
    known = found.spec if found else {}
    dates = {
        field: moment
        for field, alias, moment in (
            ("valid_from", "validFrom", spec.begins),
            ("valid_until", "validUntil", spec.ends),
        )
        if alias in said and said[alias] != known.get(alias)
    }
    if dates:
        user = directory.get(transaction.connection, name)
        keep_within(context, act, directory.set_validity(transaction, user, dates, now=now))
    return name


def _put_group(transaction: Transaction, wanted: Group, found: Resource | None) -> str:
    name, connection = wanted.metadata.name, transaction.connection
    wants = {directory.get(connection, each).name for each in wanted.spec.members}
    has = set(found.spec["members"]) if found else set()
    _keep_given(transaction, name, wants)
    directory.change_members(transaction, name, add=wants - has, remove=has - wants)
    return name


def _keep_provided(transaction: Transaction, found: Resource, said: dict[str, Any]) -> None:
    """Refuse to rename, or to take out of groups, somebody whom a provider names and groups."""
    links = external.links_of(transaction.connection, found.name)
    changed = [
        each
        for each in ("fullName", "email")
        if said.get(each, found.spec[each]) != found.spec[each]
    ]
    if links and changed:
        raise ConflictError(
            f"{found.name} comes from {links[0].provider}, which says {changed[0]}",
            hint=f"leave {changed[0]} out, or change it there",
        )
    if "groups" in said:
        for provider, group in _given(transaction, user=found.name):
            if group not in said["groups"]:
                raise _is_given(found.name, group, provider)


def _keep_given(transaction: Transaction, group: str, wanted: set[str]) -> None:
    columns = provider_groups.c
    rows = transaction.execute(
        sa.select(columns.provider, columns.user_name).where(columns.group_name == group)
    )
    for row in rows:
        if row.user_name not in wanted:
            raise _is_given(row.user_name, group, row.provider)


def _given(transaction: Transaction, *, user: str) -> list[tuple[str, str]]:
    columns = provider_groups.c
    mine = sa.select(columns.provider, columns.group_name).where(columns.user_name == user)
    return [(row.provider, row.group_name) for row in transaction.execute(mine)]


def _is_given(user: str, group: str, provider: str) -> ConflictError:
    return ConflictError(
        f"{user} is in {group} as {provider} says so",
        hint="change it there: the next login would bring it back",
    )


def _remember(
    act: Act,
    before: Resource | None,
    now: Resource | None,
    *,
    at: datetime,
    reason: str,
    restored: int | None,
) -> None:
    """Write the history; what others changed since the last version is one, too."""
    one = now or before
    if one is None:
        raise NotFoundError("there is nothing to remember")
    transaction = act.transaction
    last = history.last(transaction.connection, one.kind, one.name)
    known = history.get(transaction.connection, one.kind, one.name, last) if last else None
    if before is not None and (known is None or known.spec != before.spec):
        last += 1
        happened: history.Happened = "updated" if known and known.spec else "created"
        by, why = (names.UNKNOWN, _ELSEWHERE) if known else (before.created_by, "")
        when = at if known or not before.created_by else before.created_at
        seen = Version(
            one.kind, one.name, last, happened, "", before.spec, when, by or names.UNKNOWN, why
        )
        history.note(transaction, seen)
    happened = "deleted" if now is None else "updated" if before else "created"
    spec = None if now is None else now.spec
    made = Version(
        one.kind, one.name, last + 1, happened, "", spec, at, act.actor, reason, restored
    )
    history.note(transaction, made)
