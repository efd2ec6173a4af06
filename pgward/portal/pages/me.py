"""``/me``: one's sign-ins, devices, second factors and tokens; all by the API's own rules."""

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Path, Response
from pydantic import Field, SecretStr

from pgward.ca.identity import directory
from pgward.ca.login.passkeys import site
from pgward.ca.service import errors
from pgward.ca.service.routes import devices, handles, login_sessions, mfa, passkeys
from pgward.ca.service.routes import me as people
from pgward.core.errors import (
    ConflictError,
    DeniedError,
    InvalidInputError,
    NotFoundError,
    PgwardError,
    TooManyRequestsError,
)
from pgward.portal.pages.proofs import Proven
from pgward.portal.web import forms, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Frame, Signed

router = route.router()
REFUSALS = (
    ConflictError,
    DeniedError,
    InvalidInputError,
    NotFoundError,
    TooManyRequestsError,
)
PAGE = "/me"
_Id = Annotated[str, Path(max_length=253)]
_Secret = Annotated[SecretStr, Field(max_length=4096)]


class Act(Form):
    """What is done with a device; ``name`` is what it is called from now on."""

    act: Annotated[str, Field(max_length=20)]
    name: Annotated[str, Field(max_length=500)] = ""


class Waiting(Proven):
    """The code that a new device shows, and a proof."""

    code: Annotated[str, Field(max_length=253)]


class Change(Form):
    """The present password, and twice the one that replaces it."""

    old: _Secret
    new: _Secret
    again: _Secret


@router.get(PAGE)
def show(frame: Signed) -> Response:
    """Show what belongs to who is signed in."""
    return page(frame)


@router.post("/me/devices/approve")
async def approve(frame: Signed) -> Response:
    """Let a new device in, by the code that it shows."""
    form = frame.form(Waiting)
    try:
        body = forms.checked(devices.OwnWaiting, {"device": form.code.strip()})
        body.proof = form.proof
        found = await devices.approve_mine(frame.context, frame.me, body)
    except REFUSALS as error:
        return await run_sync(page, frame, error)
    return frame.go(PAGE, f"{found.device.name} may be used now.")


@router.post("/me/devices/token")
async def device_token(frame: Signed) -> Response:
    """Make a token that brings a new device in, and show it once."""
    form = frame.form(Proven)
    try:
        body = devices.OwnTokenRequest(proof=form.proof)
        made = await devices.token_for_me(frame.context, frame.me, body)
    except REFUSALS as error:
        return await run_sync(page, frame, error)
    return await run_sync(
        lambda: frame.show(
            "shown_once.html",
            title="Token for a new device",
            words="The new device asks for it when you log in there. It is good once.",
            values={"Token": made.token},
            block=None,
            until=made.expires_at,
            seconds=None,
            back=PAGE,
            roots=None,
        )
    )


@router.post("/me/devices/{device}")
def change_device(frame: Signed, device: _Id) -> Response:
    """Rename or revoke a device."""
    form = frame.form(Act)
    try:
        if form.act == "rename":
            body = forms.checked(devices.NewName, {"name": form.name.strip()})
            found = devices.rename_mine(frame.context, frame.me, device, body)
            return frame.go(PAGE, f"It is called {found.device.name} now.")
        if form.act != "revoke":
            raise InvalidInputError("there is nothing of that kind to do")
        devices.revoke_mine(frame.context, frame.me, device)
    except REFUSALS as error:
        return page(frame, error)
    return frame.go(PAGE, "Revoked: the device is not let in any more, and its sign-ins ended.")


@router.post("/me/sign-ins/others")
def end_others(frame: Signed) -> Response:
    """End all sign-ins but this one."""
    ended = login_sessions.end_others(frame.context, frame.me).ended
    return frame.go(PAGE, f"Ended: {ended}." if ended else "There was no other.")


@router.post("/me/sign-ins/{session}")
def end(frame: Signed, session: _Id) -> Response:
    """End a sign-in, with its certificates."""
    try:
        login_sessions.end_mine(frame.context, frame.me, session)
    except REFUSALS as error:
        return page(frame, error)
    return frame.go(PAGE, "Ended, with all that ran on it.")


@router.post("/me/tokens/{token}")
def revoke_token(frame: Signed, token: _Id) -> Response:
    """Revoke a token."""
    try:
        handles.revoke_mine(frame.context, frame.me, token)
    except REFUSALS as error:
        return page(frame, error)
    return frame.go(PAGE, f"The token {token} counts no more.")


@router.post("/me/password")
async def password(frame: Signed) -> Response:
    """Change the own password."""
    form = frame.form(Change)
    try:
        if form.new.get_secret_value() != form.again.get_secret_value():
            raise InvalidInputError("the two passwords are not the same")
        given = {"old": form.old.get_secret_value(), "new": form.new.get_secret_value()}
        body = forms.checked(people.NewPassword, given)
        await people.change_password(frame.context, frame.me, body)
    except REFUSALS as error:
        return await run_sync(page, frame, error)
    return frame.go(PAGE, "The password is changed, and all other sign-ins ended.")


def page(frame: Frame, problem: PgwardError | None = None) -> Response:
    """Return the page, with what went wrong."""
    context, me = frame.context, frame.me
    return frame.show(
        "me.html",
        status=200 if problem is None else errors.status(problem),
        notices=people.me(context, me).notices,
        logins=login_sessions.mine(context, me).logins,
        devices=devices.mine(context, me).devices,
        factors=mfa.listed(context, me),
        passkeys=passkeys.own(context, me).passkeys,
        tokens=handles.mine(context, me).tokens,
        has_password=_has_password(frame),
        can_make=site.of(context.desk.settings) is not None,
        problem=problem,
    )


def _has_password(frame: Frame) -> bool:
    with frame.context.store.read() as connection:
        return directory.password_hash(connection, frame.me.user.name) is not None
