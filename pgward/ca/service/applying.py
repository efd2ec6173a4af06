"""Applying resources: tried out, written with their history and their audit events, or refused.

Several are applied together or not at all. What one refers to is written before it, so that the
order in which files name them does not matter.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from anyio.to_thread import run_sync
from sqlalchemy.engine import Connection

from pgward.ca.access import account_certificates, asked_checks
from pgward.ca.access import noting as access
from pgward.ca.accounts import access_roles, changing
from pgward.ca.acts import Act
from pgward.ca.catalog import intake as catalog
from pgward.ca.catalog.standing import KIND as INTEGRATION
from pgward.ca.login import lockout
from pgward.ca.login.oidc import administering
from pgward.ca.resources import existing, host_roles, kinds, service_notes, shelf
from pgward.ca.resources import stored as resources
from pgward.ca.resources.access_flow import AccessFlow
from pgward.ca.resources.fields import ConflictsError, FieldError, FieldsError
from pgward.ca.resources.identity_provider import IdentityProvider
from pgward.ca.resources.integration import Integration
from pgward.ca.resources.kinds import Resource, Service
from pgward.ca.resources.person import Group, User
from pgward.ca.resources.role_bundle import RoleBundle
from pgward.ca.resources.role_map import RoleMap
from pgward.ca.resources.secret import Secret
from pgward.ca.secrets import declared
from pgward.ca.secrets import kept as secrets
from pgward.ca.service import applying_people
from pgward.ca.service.context import Context
from pgward.ca.store import Transaction
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError, PgwardError

MAX_TOGETHER = 1000
_MAX_PROBLEMS = 200
_LOCKING = ("LoginRule", "IdentityProvider", "User", "Group")
_LAST = 50
# Who is referred to comes first; who could lock everybody out comes last.
_RANK = {"User": 1, "Group": 2, "IdentityProvider": 3, "Policy": 4, "Secret": 5}
_RANK |= {"Integration": 6, "RoleBundle": 7}
_RANK |= {"AccessFlow": _LAST + 1, "LoginRule": _LAST + 2}


@dataclass(frozen=True, slots=True)
class Terms:
    """Who applies, why, and what else is meant."""

    by: str
    reason: str = ""
    dry_run: bool = False
    allow_lockout: bool = False
    untried: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """A resource that is to be; or whose deletion it is, for which ``resource`` is None.

    ``version`` must be the stored one; 0: none may be there. ``restored`` is the version that it
    was, ``where`` the field of the request that holds it.
    """

    kind: str
    name: str
    resource: Resource | None
    version: int | None = None
    restored: int | None = None
    where: str = ""

    @property
    def action(self) -> str:
        """What the audit log calls it."""
        return f"{self.kind.lower()}.{'delete' if self.resource is None else 'apply'}"

    @property
    def rank(self) -> int:
        """Its place in the order: deletions come last, of what refers to others first."""
        rank = _RANK.get(self.kind, _LAST)
        return rank if self.resource is not None else 1000 - rank


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a resource: how it is now, and how it was."""

    resource: dict[str, Any] | None
    change: Literal["created", "updated", "unchanged", "deleted"]
    before: dict[str, Any] | None
    notes: list[str] = field(default_factory=list)


async def one(context: Context, wanted: Wanted, terms: Terms) -> Done:
    """Apply one resource, or delete it; raise ConflictError, NotFoundError."""
    try:
        noted = await _try_out(context, wanted, terms)
    except PgwardError as error:
        if not terms.dry_run:
            refused = context.acts.refused
            await run_sync(refused, terms.by, wanted.action, wanted.name, error)
        raise
    done = await run_sync(_one, context, wanted, terms)
    done.notes[:0] = noted
    return done


async def together(context: Context, several: Sequence[Wanted], terms: Terms) -> list[Done]:
    """Apply several in one transaction; FieldsError or ConflictsError says what is wrong."""
    trouble = _Trouble()
    noted: dict[int, list[str]] = {}
    for place, wanted in enumerate(several):
        with trouble.of(wanted):
            noted[place] = await _try_out(context, wanted, terms)
    trouble.tell()
    found = await run_sync(_together, context, several, terms)
    for place, notes in noted.items():
        found[place].notes[:0] = notes
    return found


async def _try_out(context: Context, wanted: Wanted, terms: Terms) -> list[str]:
    if not isinstance(wanted.resource, IdentityProvider):
        return []
    trial = await context.trials.hold(wanted.resource)
    if not terms.untried:
        trial.check()
    return trial.notes


def _one(context: Context, wanted: Wanted, terms: Terms) -> Done:
    if terms.dry_run:
        with context.store.write() as transaction:
            act = Act(transaction, terms.by, wanted.action, wanted.name)
            with _guard(transaction, [wanted], terms):
                done = _write(context, act, wanted, terms)
            done.notes.extend(_notes(transaction.connection, wanted, context.now()))
            transaction.discard()
        return done
    with context.acts.act(terms.by, wanted.action, wanted.name) as act:
        with _guard(act.transaction, [wanted], terms):
            done = _write(context, act, wanted, terms)
        done.notes.extend(_notes(act.transaction.connection, wanted, context.now()))
    return done


def _together(context: Context, several: Sequence[Wanted], terms: Terms) -> list[Done]:
    try:
        with context.acts.unrecorded(terms.by, "resources.apply") as whole:
            whole.worth_recording = False
            found, acts = _write_all(context, whole.transaction, several, terms)
            if terms.dry_run:
                whole.transaction.discard()
            for act in acts:
                context.acts.also(act)
    except PgwardError as error:
        if not terms.dry_run:
            details = {"resources": len(several)}
            context.acts.refused(terms.by, "resources.apply", None, error, details)
        raise
    return found


def _write_all(
    context: Context, transaction: Transaction, several: Sequence[Wanted], terms: Terms
) -> tuple[list[Done], list[Act]]:
    trouble, found, acts = _Trouble(), {}, []
    order = sorted(range(len(several)), key=lambda place: several[place].rank)
    locking = [each for each in several if each.kind in _LOCKING]
    with (
        trouble.of(locking[-1]) if locking else nullcontext(),
        _guard(transaction, several, terms),
    ):
        for place in order:
            wanted = several[place]
            act = Act(transaction, terms.by, wanted.action, wanted.name)
            with trouble.of(wanted):
                found[place] = _write(context, act, wanted, terms)
            if act.worth_recording:
                acts.append(act)
        for place, wanted in enumerate(several):
            with trouble.of(wanted):
                _check_kept(transaction.connection, wanted, found.get(place))
    trouble.tell()
    for place, wanted in enumerate(several):
        found[place].notes.extend(_notes(transaction.connection, wanted, context.now()))
    return [found[place] for place in range(len(several))], acts


def _check_kept(connection: Connection, wanted: Wanted, done: Done | None) -> None:
    """Refuse a person and a group of one request that say different things about membership."""
    if done is None or done.resource is None or wanted.kind not in shelf.PEOPLE:
        return
    now = shelf.find(connection, wanted.kind, wanted.name)
    if isinstance(wanted.resource, User) and wanted.resource.spec.groups is None and now:
        done.resource.update(now.to_json())
    elif now is None or now.spec != done.resource["spec"]:
        raise ConflictError("groups and members contradict each other in these files")


def _guard(
    transaction: Transaction, several: Sequence[Wanted], terms: Terms
) -> AbstractContextManager[None]:
    """Refuse what would lock every administrator out."""
    if terms.allow_lockout or not any(each.kind in _LOCKING for each in several):
        return nullcontext()
    deletes = all(each.resource is None for each in several)
    override = "" if deletes else "; --allow-lockout applies it all the same"
    return lockout.guarded(transaction, override=override)


def _write(context: Context, act: Act, wanted: Wanted, terms: Terms) -> Done:
    connection = act.transaction.connection
    found = shelf.find(connection, wanted.kind, wanted.name)
    resources.check_condition(found, wanted.kind, wanted.name, wanted.version)
    before = None if found is None else found.to_json()
    if terms.reason:
        act.details["reason"] = terms.reason
    if wanted.resource is None:
        _delete(context, act, wanted, terms)
        return Done(None, "deleted", before)
    stored, change = _put(
        context, act, wanted.resource, found, terms=terms, restored=wanted.restored
    )
    act.worth_recording = change != "unchanged"
    act.details |= {"change": change, "version": stored.version, "spec": stored.spec}
    if wanted.kind == INTEGRATION and not terms.dry_run:
        _revoke_former(context, act, None if found is None else found.spec, stored.spec)
    if wanted.restored is not None:
        act.details["restored"] = wanted.restored
    return Done(stored.to_json(), change, before, _about_new(wanted, change))


def _about_new(wanted: Wanted, change: str) -> list[str]:
    if wanted.kind != "User" or change != "created":
        return []
    return [f"{wanted.name} has no password yet: pgward user passwd {wanted.name}"]


def _put(
    context: Context,
    act: Act,
    resource: Resource,
    found: resources.Resource | None,
    *,
    terms: Terms,
    restored: int | None,
) -> tuple[resources.Resource, resources.Change]:
    if isinstance(resource, User | Group):
        resources.check_version(resource, found)
        return applying_people.put(
            context, act, resource, found, reason=terms.reason, restored=restored
        )
    if isinstance(resource, IdentityProvider):
        administering.check_change(act.transaction.connection, resource)
    if isinstance(resource, Integration):
        name = resource.metadata.name
        account_certificates.check(act.transaction.connection, name, resource.spec)
    return resources.put_over(
        act.transaction,
        resource,
        found,
        now=context.now(),
        by=terms.by,
        reason=terms.reason,
        restored=restored,
    )


def _delete(context: Context, act: Act, wanted: Wanted, terms: Terms) -> None:
    transaction, kind, name = act.transaction, wanted.kind, wanted.name
    now = context.now()
    if kind in shelf.PEOPLE:
        applying_people.delete(context, act, kind, name, reason=terms.reason)
        return
    access.deleting(transaction, kind, name, now=now)
    gone = resources.delete(transaction, kind, name, now=now, by=terms.by, reason=terms.reason)
    if kind == "Policy":
        service_notes.check_unused(transaction.connection, name)
    if kind == administering.KIND:
        administering.forget(context.oidc, act, name)
    if kind == INTEGRATION:
        catalog.forget(transaction, name)
        asked_checks.forget(transaction, name)
        changing.forget(transaction, name)
        access_roles.drop(transaction, name)
        if not terms.dry_run:
            _revoke_former(context, act, gone.spec, None)


def _revoke_former(
    context: Context, act: Act, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> None:
    """Revoke what a connector has in the name of an account that is not its own any more."""
    serials = account_certificates.revoke_former(
        act.transaction, context.revoker, before, after, now=context.now()
    )
    act.details |= {"revoked": len(serials)} if serials else {}


def _notes(connection: Connection, wanted: Wanted, now: datetime) -> list[str]:
    return [] if wanted.resource is None else notes_of(connection, wanted.resource, now)


def notes_of(connection: Connection, resource: Resource, now: datetime) -> list[str]:
    """Return what an administrator should know of a resource, beside what else is stored."""
    if isinstance(resource, RoleMap):
        return host_roles.notes_about(connection, resource.spec)
    if isinstance(resource, Integration | RoleBundle | AccessFlow):
        spec_as_stored = resource.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
        return existing.missing(connection, spec_as_stored)
    if isinstance(resource, Secret):
        return declared.notes(connection, resource, now)
    if isinstance(resource, Service):
        spec = resource.spec
        found = service_notes.about(connection, spec) + secrets.notes_about(connection, spec)
        return found + access.about(connection, resource)
    return access.about(connection, resource)


def read(body: Any, where: str) -> Wanted:
    """Read one of several resources; raise FieldsError."""
    kind = body.get("kind") if isinstance(body, dict) else None
    if not isinstance(kind, str):
        problem = "must be an object" if not isinstance(body, dict) else "is missing"
        raise FieldsError([FieldError("kind" if isinstance(body, dict) else "", problem)])
    resource = kinds.read(kinds.canonical(kind), body)
    return Wanted(resource.kind, resource.metadata.name, resource, where=where)


def read_all(
    bodies: Sequence[Any], deletions: Sequence[tuple[str, str, int | None]]
) -> list[Wanted]:
    """Read all of a request; FieldsError names what is wrong in each."""
    trouble, found = _Trouble(), []
    for place, body in enumerate(bodies):
        where = f"resources[{place}]"
        with trouble.at(where):
            found.append(read(body, where))
    for place, (kind, name, version) in enumerate(deletions):
        where = f"delete[{place}]"
        with trouble.at(where):
            found.append(Wanted(kinds.canonical(kind), name, None, version, where=where))
    seen: dict[tuple[str, str], str] = {}
    for each in found:
        first = seen.setdefault((each.kind, each.name), each.where)
        if first != each.where:
            trouble.add(each.where, InvalidInputError(f"{each.name!r} is in {first} already"))
    trouble.tell()
    return found


class _Trouble:
    """All that is wrong with several resources, by where each stands in the request."""

    def __init__(self) -> None:
        self._found: list[FieldError] = []
        self._conflicts = 0

    def of(self, wanted: Wanted) -> AbstractContextManager[None]:
        return self.at(wanted.where)

    @contextmanager
    def at(self, where: str) -> Iterator[None]:
        try:
            yield
        except (ConflictError, InvalidInputError, NotFoundError) as error:
            self.add(where, error)

    def add(self, where: str, error: PgwardError) -> None:
        if isinstance(error, FieldsError):
            self._found += [
                FieldError(f"{where}.{each.path}".rstrip("."), each.message)
                for each in error.fields
            ]
            return
        self._conflicts += isinstance(error, ConflictError)
        unknown_kind = isinstance(error, NotFoundError) and where.startswith("resources")
        whole = f"{error.message}; {error.hint}" if error.hint else error.message
        self._found.append(
            FieldError(f"{where}.{'kind' if unknown_kind else 'metadata.name'}", whole)
        )

    def tell(self) -> None:
        """Raise for what was found, if anything was."""
        if not self._found:
            return
        kind: Callable[[Sequence[FieldError]], PgwardError] = FieldsError
        if self._conflicts == len(self._found):  # it is right, but late
            kind = ConflictsError
        raise kind(self._found[:_MAX_PROBLEMS])
