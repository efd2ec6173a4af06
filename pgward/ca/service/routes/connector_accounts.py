"""What connectors ask and tell of passwords that they change: the new one, and what came of it."""

from base64 import b64encode
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection

from pgward.ca.accounts import changing
from pgward.ca.catalog.standing import KIND, check_serves
from pgward.ca.resources import stored
from pgward.ca.resources.account import Account
from pgward.ca.resources.integration import IntegrationSpec
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator, AnyMachine, Asking
from pgward.ca.service.context import Current
from pgward.ca.service.models import Body, Change, Name, Storable, Time
from pgward.core.errors import NotFoundError

router = strict.router("machines")
_VERSION = Annotated[int, Field(ge=1, le=2**31 - 1)]
Role = Annotated[str, Field(min_length=1, max_length=63), Storable]


class Begin(Body):
    """Whose password is to change."""

    integration: Name
    user: Role


class Begun(BaseModel):
    """The password that is to be, and the one that is, in base64."""

    secret: str
    version: int
    value: str
    former: str


class End(Begin):
    """What came of it: without ``failure`` a login with the new password worked."""

    version: _VERSION
    failure: Annotated[str, Field(max_length=1000), Storable] | None = None


class AccountInfo(BaseModel):
    """An account whose password changes, and how the last change went."""

    integration: str
    user: str
    secret: str
    every: str
    due: bool
    changed_at: Time | None
    asked_at: Time | None
    asked_by: str | None
    failed_at: Time | None
    failure: str | None


class Accounts(BaseModel):
    """All accounts, by integration."""

    accounts: list[AccountInfo]


class Asked(BaseModel):
    """Whose password is changed now."""

    secret: str
    integration: str
    user: str


@router.post("/connector/accounts/begin", summary="Get the password that an account is to have")
def begin(context: Current, asking: AnyMachine, body: Begin) -> Begun:
    """Return it, the same until it is known what came of it; it is put on record."""
    machine = asking.machine
    with context.acts.act(machine.actor, "account.begin", body.user) as act:
        account = _account(act.transaction.connection, asking, body)
        begun = changing.begin(
            act.transaction,
            context.desk.sealer,
            body.integration,
            account,
            now=context.now(),
            by=machine.actor,
        )
        act.details |= {
            "integration": body.integration,
            "secret": begun.secret,
            "version": begun.version,
        }
    return Begun(
        secret=begun.secret,
        version=begun.version,
        value=b64encode(begun.value).decode("ascii"),
        former=b64encode(begun.former).decode("ascii"),
    )


@router.post("/connector/accounts/end", summary="Tell what came of a change of a password")
def end(context: Current, asking: AnyMachine, body: End) -> Change:
    """Make the new password the secret's value, or forget it."""
    machine, now = asking.machine, context.now()
    action = "account.change" if body.failure is None else "account.fail"
    with context.acts.act(machine.actor, action, body.user) as act:
        account = _account(act.transaction.connection, asking, body)
        act.details |= {
            "integration": body.integration,
            "secret": account.secret,
            "version": body.version,
        }
        if body.failure is not None:
            changing.failed(act.transaction, body.integration, account, body.failure, now)
            act.details |= {"failure": body.failure}
            return Change(change="unchanged")
        is_new = changing.succeeded(
            act.transaction, body.integration, account, body.version, now=now, by=machine.actor
        )
        act.worth_recording = is_new
    return Change(change="updated" if is_new else "unchanged")


@router.get("/accounts", summary="List accounts whose passwords change")
def every(context: Current, _by: Administrator) -> Accounts:
    """Return when the password of each changed last, and why the last change failed."""
    found: list[AccountInfo] = []
    with context.store.read() as connection:
        for name, spec in _integrations(connection):
            due = changing.due(connection, name, spec.accounts, context.now())
            known = changing.standing(connection, name)
            for each in spec.accounts:
                told = known.get(each.user, {})
                found.append(
                    AccountInfo(
                        integration=name,
                        user=each.user,
                        secret=each.secret,
                        every=each.every,
                        due=each.user in due,
                        **{key: told.get(key) for key in _TOLD},
                    )
                )
    return Accounts(accounts=found)


@router.post("/secrets/{name}/change", summary="Have the password behind a secret changed now")
def change(context: Current, by: Administrator, name: Annotated[str, Path(max_length=63)]) -> Asked:
    """Have the connector change the password at the server, and then the secret."""
    with context.acts.act(by.user.name, "account.ask", name) as act:
        connection = act.transaction.connection
        for integration, spec in _integrations(connection):
            for each in spec.accounts:
                if each.secret == name:
                    now = context.now()
                    changing.ask(act.transaction, integration, each, now, by.user.name)
                    act.details |= {"integration": integration, "user": each.user}
                    return Asked(secret=name, integration=integration, user=each.user)
        raise NotFoundError(
            f"no integration changes the password of the secret {name!r}",
            hint="name its account in accounts of an integration, or change it by hand:"
            f" pgward secret rotate {name}",
        )


_TOLD = ("changed_at", "asked_at", "asked_by", "failed_at", "failure")


def _account(connection: Connection, asking: Asking, body: Begin) -> Account:
    """Return an account of an integration that is the machine's; raise DeniedError."""
    check_serves(connection, asking.machine, body.integration)
    spec = IntegrationSpec.model_validate(stored.get(connection, KIND, body.integration).spec)
    for each in spec.accounts:
        if each.user == body.user:
            return each
    raise NotFoundError(
        "the integration changes no password of that account",
        hint=f"look at accounts in it: pgward get integration {body.integration[:63]}",
    )


def _integrations(connection: Connection) -> list[tuple[str, IntegrationSpec]]:
    found = stored.every(connection, KIND)
    return [(each.name, IntegrationSpec.model_validate(each.spec)) for each in found]
