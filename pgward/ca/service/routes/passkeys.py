"""The passkeys of a person, as that person and administrators manage them."""

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field

from pgward.ca.identity import directory, step_ups
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.login import freshness
from pgward.ca.login.passkeys import credentials, enrolment
from pgward.ca.login.passkeys.credentials import Passkey
from pgward.ca.login.passkeys.vouchers import Brought
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator, Person
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body, Revoked, Storable, Text, Time

router = strict.router("people: passkeys")
Key = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="the `id` of a passkey")]
PasskeyName = Annotated[str, Field(max_length=500), Storable]


class PasskeyInfo(BaseModel):
    """A passkey; `synced` says that the person's other devices have it, too."""

    id: str
    name: str
    synced: bool
    aaguid: str
    transports: list[str]
    created_at: Time
    last_used_at: Time | None

    @classmethod
    def of(cls, passkey: Passkey) -> "PasskeyInfo":
        """Show a passkey."""
        return cls(
            id=passkey.id,
            name=passkey.name,
            synced=passkey.backed_up,
            aaguid=passkey.aaguid,
            transports=list(passkey.transports),
            created_at=passkey.created_at,
            last_used_at=passkey.last_used_at,
        )


class PasskeyReply(BaseModel):
    """One passkey."""

    passkey: PasskeyInfo


class Passkeys(BaseModel):
    """All passkeys of a person, the oldest first."""

    passkeys: list[PasskeyInfo]


class NewPasskeyRequest(Body):
    """The name of the passkey to add, and where the browser goes back to, on loopback."""

    name: PasskeyName
    redirect_uri: Text


class Enrolment(BaseModel):
    """The page to open, the code that it asks for, and what must come back with its answer."""

    url: str
    code: str
    flow: str


class EnrolmentAnswer(Body):
    """What the browser brought back."""

    flow: Annotated[str, Field(max_length=enrolment.MAX_FLOW)]
    answer: Brought


class NewName(Body):
    """Another name for a passkey."""

    name: PasskeyName


class Removed(Revoked):
    """How many passkeys were removed, and how many certificates revoked."""

    removed: int


@router.get("/me/passkeys", summary="List the own passkeys")
def own(context: Current, session: Person) -> Passkeys:
    """Return the passkeys with which one can log in."""
    return _listed(context, session.user.name)


@router.post("/me/passkeys", summary="Begin to add a passkey")
def begin(context: Current, session: Person, body: NewPasskeyRequest) -> Enrolment:
    """Return the page where the browser makes it; the login must be a few minutes old at most."""
    with context.acts.act(session.user.name, "passkey.add") as act:
        act.worth_recording = False  # what is refused is, and a passkey once there is one
        begun = enrolment.begin(context.desk, session, body.name, body.redirect_uri)
    return Enrolment(url=begun.url, code=begun.code, flow=begun.flow)


@router.post("/me/passkey-attestations", summary="Add a passkey", status_code=201)
def finish(context: Current, session: Person, body: EnrolmentAnswer) -> PasskeyReply:
    """Take in what the browser brought back."""
    with context.acts.act(session.user.name, "passkey.add") as act:
        found = enrolment.finish(context.desk, act, session, body.flow, body.answer.model_dump())
        act.target = found.name
        act.details |= {"id": found.id, "aaguid": found.aaguid, "synced": found.backed_up}
    return PasskeyReply(passkey=PasskeyInfo.of(found))


@router.patch("/me/passkeys/{key}", summary="Rename a passkey")
def rename(context: Current, session: Person, key: Key, body: NewName) -> PasskeyReply:
    """Give a passkey another name."""
    with context.acts.act(session.user.name, "passkey.rename", key) as act:
        found = credentials.rename(act.transaction, session.user.name, key, body.name)
        act.details["name"] = found.name
    return PasskeyReply(passkey=PasskeyInfo.of(found))


@router.delete("/me/passkeys/{key}", summary="Remove a passkey")
def remove(context: Current, session: Person, key: Key) -> Removed:
    """Remove a passkey, and end all other login sessions: it may have begun them.

    As for adding one, the login must be a few minutes old at most, and with a second factor.
    """
    with context.acts.act(session.user.name, "passkey.remove", session.user.name) as act:
        act.worth_recording = False  # what is refused is
        connection = act.transaction.connection
        freshness.check(connection, session, context.desk.settings, context.now())
    return _removed(context, session, session.user.name, key)


@router.get("/users/{name}/passkeys", summary="List a person's passkeys")
def of_user(context: Current, _by: Administrator, name: str) -> Passkeys:
    """Return somebody's passkeys."""
    return _listed(context, _name(context, name))


@router.delete("/users/{name}/passkeys", summary="Remove all passkeys of a person")
def reset(context: Current, by: Administrator, name: str) -> Removed:
    """Remove them, and end the login sessions of that person (but the one that asks)."""
    return _removed(context, by, _name(context, name), None)


@router.delete("/users/{name}/passkeys/{key}", summary="Remove a person's passkey")
def remove_of(context: Current, by: Administrator, name: str, key: Key) -> Removed:
    """Remove one, and end the login sessions of that person (but the one that asks)."""
    return _removed(context, by, _name(context, name), key)


def _listed(context: Context, user: str) -> Passkeys:
    with context.store.read() as connection:
        found = credentials.of(connection, user)
    return Passkeys(passkeys=[PasskeyInfo.of(each) for each in found])


def _removed(context: Context, by: LoginSession, user: str, key: str | None) -> Removed:
    """Remove one passkey, or all."""
    with context.acts.act(by.user.name, "passkey.remove", user) as act:
        if key is None:
            count = credentials.remove_all(act.transaction, user)
        else:
            found = credentials.remove(act.transaction, user, key)
            act.details |= {"name": found.name, "id": found.id}
            count = 1
        step_ups.forget(act.transaction, user, ["webauthn"])
        serials = context.revoker.end_all_but(
            act.transaction, user, "passkey removed", now=context.now(), keep=by.id
        )
        act.details |= {"removed": count, "revoked": len(serials)}
    return Removed(removed=count, revoked=len(serials))


def _name(context: Context, name: str) -> str:
    with context.store.read() as connection:
        return directory.get(connection, name).name
