"""Second factors of who is logged in: set up, listed, removed; and reset by an administrator.

A change needs a *fresh proof*: a fresh login (`login.freshness`), a code, or, of who has no code
yet, the password.
"""

from typing import Annotated, Literal

from anyio.to_thread import run_sync
from pydantic import BaseModel, Field

from pgward.ca import caller
from pgward.ca.acts import Act, RefusedError
from pgward.ca.identity import directory, second_factors, step_ups
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.login import freshness
from pgward.ca.login.factors.enrolment import new_recovery_codes
from pgward.ca.login.passkeys import credentials
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator, Person
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body, Password, Time
from pgward.core.errors import DeniedError, NotFoundError

router = strict.router("second factors")
Needed = Literal["nothing", "code", "password", "login"]
Code = Annotated[str, Field(max_length=100)]


class Proof(Body):
    """A fresh proof, of the kind that `GET /v1/me/mfa` names."""

    factor: Literal["totp", "recovery"] | None = None
    code: Code | None = None
    password: Password | None = None


class Change(Body):
    """A change that needs a fresh proof."""

    proof: Proof = Proof()


class Confirmation(Change):
    """The first code of a new app, and what `POST /v1/me/mfa/totp` gave with its secret."""

    enrolment: Annotated[str, Field(max_length=2000)]
    code: Code


class Removal(Change):
    """Which factor is to go."""

    factor: Literal["totp"]


class FactorInfo(BaseModel):
    """One second factor; a passkey has a name."""

    kind: str
    name: str | None = None
    created_at: Time


class FactorList(BaseModel):
    """Second factors, and what a change of them needs now."""

    factors: list[FactorInfo]
    recovery_codes_left: int
    proof: Needed


class FactorsOf(BaseModel):
    """Somebody's second factors."""

    factors: list[FactorInfo]
    recovery_codes_left: int


class NewTotp(BaseModel):
    """A secret for an app: as URI for a QR code, and to be typed."""

    uri: str
    secret: str
    enrolment: str


class Codes(BaseModel):
    """Recovery codes, shown this once; empty when those from before go on."""

    recovery_codes: list[str]


class Reset(BaseModel):
    """The kinds of factors that were removed."""

    removed: list[str]


@router.get("/me/mfa", summary="List the own second factors")
def listed(context: Current, session: Person) -> FactorList:
    """Return what there is, and which fresh proof a change needs now."""
    found = _factors(context, session.user.name)
    return FactorList(**dict(found), proof=_needed(context, session))


@router.post("/me/mfa/totp", summary="Begin to set an authenticator app up")
def begin_totp(context: Current, session: Person) -> NewTotp:
    """Return a new secret; nothing is stored until its first code is confirmed."""
    offered = context.enrolment.offer(session.user.name, now=context.now())
    return NewTotp(**offered.facts, enrolment=offered.sealed)


@router.post("/me/mfa/totp/confirm", summary="Confirm an authenticator app")
async def confirm_totp(context: Current, session: Person, body: Confirmation) -> Codes:
    """Store the app, in the place of any before it; the first one comes with recovery codes."""
    await prove(context, session, body.proof, "mfa.add")
    return Codes(recovery_codes=await run_sync(_confirm, context, session, body))


@router.post("/me/mfa/recovery-codes", summary="Make new recovery codes")
async def make_codes(context: Current, session: Person, body: Change) -> Codes:
    """Return new codes; those before are void."""
    await prove(context, session, body.proof, "mfa.recovery-codes")
    return Codes(recovery_codes=await run_sync(_make_codes, context, session))


@router.post("/me/mfa/remove", summary="Remove a second factor")
async def remove(context: Current, session: Person, body: Removal) -> Reset:
    """Forget the authenticator app; without another factor, recovery codes go with it."""
    await prove(context, session, body.proof, "mfa.remove")
    return Reset(removed=await run_sync(_remove, context, session, body.factor))


@router.get("/users/{name}/mfa", summary="List a person's second factors")
def of_person(context: Current, _by: Administrator, name: str) -> FactorsOf:
    """Return what somebody proves themselves with beside a password."""
    with context.store.read() as connection:
        user = directory.get(connection, name).name
    return _factors(context, user)


@router.post("/users/{name}/mfa/reset", summary="Remove all second factors of a person")
def reset(context: Current, by: Administrator, name: str) -> Reset:
    """Let somebody who lost them set new ones up; their sessions go on."""
    with context.acts.act(by.user.name, "mfa.reset", name) as act:
        user = directory.get(act.transaction.connection, name)
        act.target = user.name
        removed = second_factors.remove_all(act.transaction, user.name)
        step_ups.forget(act.transaction, user.name, removed)
        act.details["removed"] = removed
    return Reset(removed=removed)


def _factors(context: Context, name: str) -> FactorsOf:
    with context.store.read() as connection:
        app = second_factors.totp(connection, name)
        left = len(second_factors.unused_codes(connection, name))
        passkeys = credentials.of(connection, name)
    found = [] if app is None else [FactorInfo(kind="totp", created_at=app.created_at)]
    found += [
        FactorInfo(kind="webauthn", name=each.name, created_at=each.created_at) for each in passkeys
    ]
    return FactorsOf(factors=found, recovery_codes_left=left)


def _needed(context: Context, session: LoginSession) -> Needed:
    name = session.user.name
    with context.store.read() as connection:
        has_codes = second_factors.totp(connection, name) is not None or bool(
            second_factors.unused_codes(connection, name)
        )
        has_any = context.factors.challenge(connection, name) is not None
        has_password = directory.password_hash(connection, name) is not None
        is_fresh = freshness.is_fresh(connection, session, context.desk.settings, context.now())
    if is_fresh:
        return "nothing"
    if has_codes:
        return "code"
    return "password" if has_password and not has_any else "login"


async def prove(context: Context, session: LoginSession, proof: Proof, action: str) -> None:
    """Raise DeniedError unless the proof is what is needed now; a refusal is put on record."""
    ways = {
        "nothing": _prove_nothing,
        "code": _prove_by_code,
        "password": _prove_by_password,
        "login": _prove_by_login,
    }
    try:
        await ways[await run_sync(_needed, context, session)](context, session, proof)
    except DeniedError as error:
        context.limits.refusal(caller.client.get(), context.monotonic())
        name = session.user.name
        await run_sync(context.acts.refused, name, action, name, error)
        raise


async def _prove_nothing(_context: Context, _session: LoginSession, _proof: Proof) -> None:
    """Find the login itself fresh enough."""


async def _prove_by_login(_context: Context, _session: LoginSession, _proof: Proof) -> None:
    raise DeniedError("this needs a fresh login", hint="pgward login, then again")


async def _prove_by_code(context: Context, session: LoginSession, proof: Proof) -> None:
    if proof.factor is None or proof.code is None:
        raise DeniedError("this needs a code of a second factor", hint="pgward mfa")
    await context.factors.prove(
        session.user.name,
        {"factor": proof.factor, "code": proof.code},
        {"totp": {}, "recovery": {}},
        flow=session.id,
        thumbprint=session.thumbprint,
    )


async def _prove_by_password(context: Context, session: LoginSession, proof: Proof) -> None:
    if proof.password is None:
        raise DeniedError("this needs your password", hint="pgward mfa")
    name, address = session.user.name, caller.client.get()
    context.throttle.begin(address, name, context.monotonic(), device=session.thumbprint)
    encoded = await run_sync(_password_hash, context, name)
    if not await context.workers.verify(encoded, proof.password.get_secret_value()):
        raise RefusedError("the password is wrong", why="wrong password", hint=None)
    context.throttle.succeeded(address, name, device=session.thumbprint)


def _password_hash(context: Context, name: str) -> str | None:
    with context.store.read() as connection:
        return directory.password_hash(connection, name)


def _confirm(context: Context, session: LoginSession, body: Confirmation) -> list[str]:
    name = session.user.name
    with context.acts.act(name, "mfa.add", name) as act:
        context.enrolment.confirm(act.transaction, name, body.enrolment, body.code)
        step_ups.forget(act.transaction, name, ["totp"])  # of an app whose place it took
        act.details["factor"] = "totp"
        if second_factors.unused_codes(act.transaction.connection, name):
            return []
        return _codes_in(context, act, name)


def _make_codes(context: Context, session: LoginSession) -> list[str]:
    name = session.user.name
    with context.acts.act(name, "mfa.recovery-codes", name) as act:
        if context.factors.challenge(act.transaction.connection, name) is None:
            raise NotFoundError(
                "there is no second factor that recovery codes could stand in for",
                hint="pgward mfa add totp",
            )
        return _codes_in(context, act, name)


def _codes_in(context: Context, act: Act, name: str) -> list[str]:
    made = new_recovery_codes(act.transaction, name, context.now())
    act.details["recovery_codes"] = len(made)
    return made


def _remove(context: Context, session: LoginSession, kind: str) -> list[str]:
    name = session.user.name
    with context.acts.act(name, "mfa.remove", name) as act:
        if not second_factors.remove_totp(act.transaction, name):
            raise NotFoundError("there is no authenticator app", hint="pgward mfa list")
        removed = [kind]
        connection = act.transaction.connection
        if context.factors.challenge(connection, name) is None and second_factors.unused_codes(
            connection, name
        ):
            second_factors.replace_codes(act.transaction, name, [], context.now())
            removed.append("recovery")
        step_ups.forget(act.transaction, name, removed)
        act.details["removed"] = removed
    return removed
