"""Devices: one's own, and an administrator's view of everyone's."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from anyio.to_thread import run_sync
from fastapi import Query
from pydantic import BaseModel, Field

from pgward.ca.acts import Act
from pgward.ca.identity import device_tokens, directory, sessions
from pgward.ca.identity import devices as stored
from pgward.ca.identity.devices import Device
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator, Person
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body, Name, Revoked, Storable, Text, Time
from pgward.ca.service.routes import mfa
from pgward.ca.service.routes.mfa import Proof
from pgward.core.clock import rfc3339

router = strict.router("devices")


class DeviceInfo(BaseModel):
    """A device; ``posture`` is what it says of itself, and nothing of it is verified."""

    id: str
    user: str
    name: str
    state: str
    current: bool
    code: str | None
    created_at: Time
    created_client: str | None
    approved_at: Time | None
    approved_by: str | None
    revoked_at: Time | None
    last_seen_at: Time
    last_client: str | None
    posture: dict[str, Any] | None
    posture_at: Time | None

    @classmethod
    def of(cls, device: Device, asking: LoginSession, context: Context) -> "DeviceInfo":
        """Show a device to who asks; it has a code as long as it waits."""
        return cls(
            id=device.id,
            user=device.user,
            name=device.name,
            state=device.state.value,
            current=(device.user, device.thumbprint) == (asking.user.name, asking.thumbprint),
            code=device.code if device.waits(context.now()) else None,
            created_at=device.created_at,
            created_client=device.created_client,
            approved_at=device.approved_at,
            approved_by=device.approved_by,
            revoked_at=device.revoked_at,
            last_seen_at=device.last_seen_at,
            last_client=device.last_client,
            posture=None if device.posture is None else dict(device.posture),
            posture_at=device.posture_at,
        )


class Devices(BaseModel):
    """A person's devices, the one used last first."""

    devices: list[DeviceInfo]


class DevicePage(Devices):
    """Devices of all, by person; ``after`` leads to the next page."""

    after: str | None


class DeviceReply(BaseModel):
    """One device."""

    device: DeviceInfo


class Waiting(Body):
    """A device that waits for approval: its code, or its id."""

    device: Name


class OwnWaiting(Waiting):
    """An own device that waits, and a fresh proof, of the kind that `GET /v1/me/mfa` names."""

    proof: Proof = Proof()


class NewName(Body):
    """What a device is called."""

    name: Text


class DeviceTokenRequest(Body):
    """How long the token is good."""

    ttl_seconds: Annotated[int, Field(ge=60, le=7 * 24 * 3600)] = 24 * 3600


class OwnTokenRequest(DeviceTokenRequest):
    """The same for an own device, with a fresh proof, of the kind that `GET /v1/me/mfa` names."""

    proof: Proof = Proof()


class DeviceTokenReply(BaseModel):
    """A token that brings one new device in; it is shown only now."""

    token: str
    expires_at: Time


@router.get("/me/devices", summary="List the own devices")
def mine(context: Current, by: Person) -> Devices:
    """Return the devices that this person logs in with."""
    return _list(context, by, by.user.name)


@router.post("/me/devices/approve", summary="Approve an own new device")
async def approve_mine(context: Current, by: Person, body: OwnWaiting) -> DeviceReply:
    """Let a device in that waits, by the code that it shows.

    It needs a fresh proof: a session that somebody finds open must not bring a device in.
    """
    await mfa.prove(context, by, body.proof, "device.approve")
    return await run_sync(_approve, context, by, by.user.name, body.device)


@router.post("/me/devices/{device}/revoke", summary="Revoke an own device")
def revoke_mine(context: Current, by: Person, device: str) -> Revoked:
    """Let a device in no more, end its login sessions and revoke their certificates."""
    return _revoke(context, by, by.user.name, device)


@router.patch("/me/devices/{device}", summary="Rename an own device")
def rename_mine(context: Current, by: Person, device: str, body: NewName) -> DeviceReply:
    """Call a device something else."""
    return _rename(context, by, by.user.name, device, body.name)


@router.post("/me/device-tokens", summary="Make a token for an own new device", status_code=201)
async def token_for_me(context: Current, by: Person, body: OwnTokenRequest) -> DeviceTokenReply:
    """Make a one-time token that brings a new device of this person in; needs a fresh proof."""
    await mfa.prove(context, by, body.proof, "device.token")
    return await run_sync(_token, context, by, by.user.name, body.ttl_seconds)


@router.get("/devices", summary="List everybody's devices")
def every(  # noqa: PLR0917 - FastAPI passes them by name
    context: Current,
    by: Administrator,
    text: Annotated[
        str, Query(max_length=200, description="in a name, or its owner's"), Storable
    ] = "",
    state: Literal["waiting", "approved", "revoked"] | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[str | None, Query(max_length=200), Storable] = None,
) -> DevicePage:
    """Return the devices of all people; those that wait have a code."""
    with context.store.read() as connection:
        found, following = stored.page(
            connection, text=text, state=state, now=context.now(), limit=limit, after=after
        )
    return DevicePage(devices=[DeviceInfo.of(each, by, context) for each in found], after=following)


@router.get("/users/{name}/devices", summary="List a person's devices")
def of_person(context: Current, by: Administrator, name: str) -> Devices:
    """Return the devices that a person logs in with."""
    return _list(context, by, name)


@router.post("/users/{name}/devices/approve", summary="Approve a person's new device")
def approve(context: Current, by: Administrator, name: str, body: Waiting) -> DeviceReply:
    """Let a device in that waits, by the code that it shows."""
    return _approve(context, by, name, body.device)


@router.post("/users/{name}/devices/{device}/revoke", summary="Revoke a person's device")
def revoke(context: Current, by: Administrator, name: str, device: str) -> Revoked:
    """Let a device in no more, end its login sessions and revoke their certificates."""
    return _revoke(context, by, name, device)


@router.patch("/users/{name}/devices/{device}", summary="Rename a person's device")
def rename(
    context: Current, by: Administrator, name: str, device: str, body: NewName
) -> DeviceReply:
    """Call a device something else."""
    return _rename(context, by, name, device, body.name)


@router.post(
    "/users/{name}/device-tokens", summary="Make a token for a person's new device", status_code=201
)
def token(
    context: Current, by: Administrator, name: str, body: DeviceTokenRequest
) -> DeviceTokenReply:
    """Make a one-time token that brings a new device of this person in."""
    return _token(context, by, name, body.ttl_seconds)


def _list(context: Context, by: LoginSession, name: str) -> Devices:
    with context.store.read() as connection:
        found = stored.of(connection, directory.get(connection, name).name)
    return Devices(devices=[DeviceInfo.of(each, by, context) for each in found])


def _approve(context: Context, by: LoginSession, name: str, which: str) -> DeviceReply:
    now = context.now()
    with context.acts.act(by.user.name, "device.approve") as act:
        user = directory.get(act.transaction.connection, name).name
        device = stored.waiting(act.transaction.connection, user, which, now)
        _about(act, device)
        approved = stored.approve(act.transaction, device, now=now, by=by.user.name)
    return DeviceReply(device=DeviceInfo.of(approved, by, context))


def _revoke(context: Context, by: LoginSession, name: str, which: str) -> Revoked:
    now = context.now()
    with context.acts.act(by.user.name, "device.revoke") as act:
        user = directory.get(act.transaction.connection, name).name
        device = stored.get(act.transaction.connection, user, which)
        _about(act, device)
        stored.revoke(act.transaction, device, now=now)
        ended = sessions.end(
            act.transaction, "device revoked", now=now, user=user, thumbprint=device.thumbprint
        )
        serials = context.revoker.end_sessions(act.transaction, user, ended, now=now)
        act.details |= {"sessions": len(ended), "revoked": len(serials)}
    return Revoked(revoked=len(serials))


def _rename(context: Context, by: LoginSession, name: str, which: str, new: str) -> DeviceReply:
    with context.acts.act(by.user.name, "device.rename") as act:
        user = directory.get(act.transaction.connection, name).name
        device = stored.get(act.transaction.connection, user, which)
        renamed = stored.rename(act.transaction, device, new)
        _about(act, renamed)
    return DeviceReply(device=DeviceInfo.of(renamed, by, context))


def _token(context: Context, by: LoginSession, name: str, seconds: int) -> DeviceTokenReply:
    with context.acts.act(by.user.name, "device.token") as act:
        user = directory.get(act.transaction.connection, name).name
        secret, expires_at = device_tokens.create(
            act.transaction,
            user,
            lifetime=timedelta(seconds=seconds),
            now=context.now(),
            by=by.user.name,
        )
        act.target = user
        act.details["expires_at"] = rfc3339(expires_at)
    return DeviceTokenReply(token=secret, expires_at=expires_at)


def _about(act: Act, device: Device) -> None:
    act.target = device.id
    act.details |= {"user": device.user, "device": device.thumbprint, "name": device.name}
