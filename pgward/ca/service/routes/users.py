"""People, as administrators manage them."""

from typing import Annotated

from anyio.to_thread import run_sync
from pydantic import BaseModel, Field

from pgward.ca.identity import directory
from pgward.ca.identity.directory import NewUser, User
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.login import lockout, password_policy
from pgward.ca.revoking.revocation import Reason
from pgward.ca.service import strict
from pgward.ca.service.applying_people import keep_within
from pgward.ca.service.auth import Administrator
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import (
    Body,
    Flag,
    Moment,
    Name,
    Password,
    Revoked,
    Text,
    UserDetail,
    checked,
)
from pgward.core import names

router = strict.router("people: administration")
_DATES = {"valid_from", "valid_until"}
Group = Annotated[str, checked(names.resource_name)]
Groups = Annotated[list[Group], Field(max_length=200)]


class UserRequest(Body):
    """A person to add; without a password there is no password login yet."""

    name: Annotated[Name, checked(names.identity)]
    full_name: Text = ""
    email: Text = ""
    groups: Groups = Field(default_factory=list)
    password: Password | None = None
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    must_change_password: Flag = False


class UserChange(Body):
    """What to change; what is left out stays."""

    full_name: Text | None = None
    email: Text | None = None
    groups: Groups | None = None
    valid_from: Annotated[Moment | None, Field(description="null takes it away")] = None
    valid_until: Annotated[Moment | None, Field(description="null takes it away")] = None
    must_change_password: Flag | None = None


class Reasoned(Body):
    """Why, for those who read it later."""

    reason: Text = ""


class PasswordRequest(Body):
    """A password that an administrator sets."""

    password: Password
    must_change: Annotated[Flag, Field(description="at the next login with it")] = False


class UserReply(BaseModel):
    """One person."""

    user: UserDetail


class UserRevoked(UserReply, Revoked):
    """One person, and how many certificates the act revoked."""


class Users(BaseModel):
    """All people, by name."""

    users: list[UserDetail]


@router.get("/users", summary="List people")
def every(context: Current, _by: Administrator) -> Users:
    """Return everyone, blocked people too."""
    with context.store.read() as connection:
        return Users(users=[UserDetail.of(user) for user in directory.everyone(connection)])


@router.post("/users", summary="Add a person", status_code=201)
async def add(context: Current, by: Administrator, body: UserRequest) -> UserReply:
    """Add a person; names are unique whatever their case (409)."""
    encoded = None
    if body.password is not None:
        password = body.password.get_secret_value()
        await run_sync(_check_password, context, _as_user(context, body), password)
        encoded = await context.workers.hash(password)
    return await run_sync(_add, context, by, body, encoded)


@router.get("/users/{name}", summary="Show a person")
def show(context: Current, _by: Administrator, name: str) -> UserReply:
    """Return one person."""
    with context.store.read() as connection:
        return _reply(directory.get(connection, name))


@router.patch("/users/{name}", summary="Change a person")
def change(context: Current, by: Administrator, name: str, body: UserChange) -> UserReply:
    """Change names, groups and dates; the last administrator who can log in stays one (409).

    Who is outside of the dates loses sessions and certificates at once.
    """
    with context.acts.act(by.user.name, "user.update", name) as act:
        with lockout.guarded(act.transaction):
            user = directory.update(
                act.transaction,
                name,
                full_name=body.full_name,
                email=body.email,
                groups=body.groups,
            )
        act.target = user.name
        act.details |= body.model_dump(exclude_unset=True, mode="json")
        if body.must_change_password is not None:
            user = directory.set_must_change(act.transaction, user, body.must_change_password)
        dates = {key: getattr(body, key) for key in _DATES & body.model_fields_set}
        if dates:
            user = directory.set_validity(act.transaction, user, dates, now=context.now())
            keep_within(context, act, user)
    return _reply(user)


@router.delete("/users/{name}", summary="Remove a person")
def remove(context: Current, by: Administrator, name: str) -> Revoked:
    """Remove a person, end the login sessions and revoke the certificates."""
    now = context.now()
    with context.acts.act(by.user.name, "user.remove", name) as act:
        with lockout.guarded(act.transaction):
            user = directory.remove(act.transaction, name)
        serials = context.revoker.cut_off(
            act.transaction,
            user.name,
            "user removed",
            now=now,
            reason=Reason.cessation_of_operation,
        )
        act.target = user.name
        act.details["revoked"] = len(serials)
    return Revoked(revoked=len(serials))


@router.post("/users/{name}/block", summary="Block a person")
def block(context: Current, by: Administrator, name: str, body: Reasoned) -> UserRevoked:
    """Refuse further logins, end the login sessions and revoke the certificates."""
    now = context.now()
    with context.acts.act(by.user.name, "user.block", name) as act:
        with lockout.guarded(act.transaction):
            user = directory.block(act.transaction, name, body.reason, now=now)
        serials = context.revoker.cut_off(
            act.transaction,
            user.name,
            "user blocked",
            now=now,
            reason=Reason.privilege_withdrawn,
        )
        act.target = user.name
        act.details |= {"reason": body.reason, "revoked": len(serials)}
    return UserRevoked(user=UserDetail.of(user), revoked=len(serials))


@router.post("/users/{name}/unblock", summary="Unblock a person")
def unblock(context: Current, by: Administrator, name: str) -> UserReply:
    """Let a person log in again; revoked certificates stay revoked."""
    with context.acts.act(by.user.name, "user.unblock", name) as act:
        user = directory.unblock(act.transaction, name)
        act.target = user.name
    return _reply(user)


@router.post("/users/{name}/password", summary="Set a person's password")
async def set_password(
    context: Current, by: Administrator, name: str, body: PasswordRequest
) -> Revoked:
    """Set a password, and end all login sessions of that person (but the one that asks).

    Which passwords the person had before is not asked: nobody else is told of those.
    """
    password = body.password.get_secret_value()
    user = await run_sync(_find, context, name)
    if user is not None:
        await run_sync(_check_password, context, user, password)
    encoded = await context.workers.hash(password)
    return await run_sync(_set_password, context, by, name, encoded, body.must_change)


def _find(context: Context, name: str) -> User | None:
    with context.store.read() as connection:
        return directory.find(connection, name)


def _check_password(context: Context, user: User, password: str) -> None:
    with context.store.read() as connection:
        rules = context.login_rules.of(connection, user).password
    password_policy.check(password, rules, user, context.authority.settings)


def _as_user(context: Context, body: UserRequest) -> User:
    """Return the person that is to be added, whose rules hold for the first password already."""
    now = context.now()
    groups = tuple(body.groups)
    return User(body.name, body.full_name, body.email, groups, None, None, now, "", None)


def _add(context: Context, by: LoginSession, body: UserRequest, encoded: str | None) -> UserReply:
    new = NewUser(
        body.name,
        body.full_name,
        body.email,
        body.groups,
        encoded,
        valid_from=body.valid_from,
        valid_until=body.valid_until,
        must_change_password=body.must_change_password,
    )
    with context.acts.act(by.user.name, "user.add", body.name) as act:
        user = directory.add(act.transaction, new, now=context.now(), by=by.user.name)
        act.details["groups"] = list(user.groups)
    return _reply(user)


def _set_password(
    context: Context, by: LoginSession, name: str, encoded: str, must_change: bool
) -> Revoked:
    with context.acts.act(by.user.name, "user.password", name) as act:
        _, serials = context.passwords.store(
            act, name, encoded, "password set", keep=by.id, must_change=must_change
        )
    return Revoked(revoked=len(serials))


def _reply(user: User) -> UserReply:
    return UserReply(user=UserDetail.of(user))
