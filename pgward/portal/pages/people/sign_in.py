"""``/admin/people/NAME/sign-in``: by what somebody signs in, from where, and where they are now."""

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import Path, Response
from pydantic import Field

from pgward.ca.service import errors
from pgward.ca.service.routes import devices, handles, login_sessions, mfa, passkeys, users
from pgward.client.phrases import counted
from pgward.core.errors import PgwardError
from pgward.portal.pages.machines.common import REFUSALS, unknown_act
from pgward.portal.pages.people import common
from pgward.portal.pages.people.common import Name
from pgward.portal.web import forms, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Administrator, Frame

router = route.router()
_Id = Annotated[str, Path(max_length=253)]
_DAY: Final = 24


class Act(Form):
    """What is done with something; ``name`` is what it is called from now on."""

    act: Annotated[str, Field(max_length=20)]
    name: Annotated[str, Field(max_length=500)] = ""


class Hours(Form):
    """How long a token for a new device is good."""

    hours: Annotated[int, Field(ge=1, le=7 * _DAY)] = _DAY


@router.get("/admin/people/{name}/sign-in")
def show(frame: Administrator, name: Name) -> Response:
    """Show it."""
    return page(frame, name)


@router.post("/admin/people/{name}/device-token")
def device_token(frame: Administrator, name: Name) -> Response:
    """Make a token that brings a new device in, and show it once."""
    try:
        body = devices.DeviceTokenRequest(ttl_seconds=frame.form(Hours).hours * 3600)
        made = devices.token(frame.context, frame.me, name, body)
    except REFUSALS as error:
        return page(frame, name, error)
    return frame.show("people/device_token.html", made=made, name_of=name, path=common.path(name))


@router.post("/admin/people/{name}/{kind}/{id_}")
def act(frame: Administrator, name: Name, kind: _Id, id_: _Id) -> Response:
    """Do something with a device, a sign-in, a passkey or a token of somebody's."""
    try:
        form = frame.form(Act)
        done = _ACTS.get((kind, form.act))
        if done is None:
            raise unknown_act()
        told = done(frame, name, id_, form)
    except REFUSALS as error:
        return page(frame, name, error)
    return frame.go(f"{common.path(name)}/sign-in", told)


def page(frame: Frame, name: str, problem: PgwardError | None = None) -> Response:
    """Return the page, with what went wrong; raise NotFoundError."""
    context, me = frame.context, frame.me
    user = users.show(context, me, name).user
    every = devices.of_person(context, me, user.name).devices
    return frame.show(
        "people/sign_in.html",
        status=200 if problem is None else errors.status(problem),
        user=user,
        logins=login_sessions.of_person(context, me, user.name).logins,
        devices=every[: common.MOST],
        more=len(every) > common.MOST,
        factors=mfa.of_person(context, me, user.name),
        passkeys=passkeys.of_user(context, me, user.name).passkeys,
        tokens=handles.of_person(context, me, user.name).tokens,
        now=context.now(),
        problem=problem,
    )


def _approve(frame: Frame, name: str, id_: str, _form: Act) -> str:
    body = forms.checked(devices.Waiting, {"device": id_})
    found = devices.approve(frame.context, frame.me, name, body).device
    return f"{found.name} may be used now."


def _rename(frame: Frame, name: str, id_: str, form: Act) -> str:
    body = forms.checked(devices.NewName, {"name": form.name.strip()})
    found = devices.rename(frame.context, frame.me, name, id_, body).device
    return f"It is called {found.name} now."


def _revoke(frame: Frame, name: str, id_: str, _form: Act) -> str:
    done = devices.revoke(frame.context, frame.me, name, id_)
    certificates = counted(done.revoked, "certificate")
    return f"The device is not let in any more; {certificates} revoked."


def _end(frame: Frame, name: str, id_: str, _form: Act) -> str:
    login_sessions.end(frame.context, frame.me, name, id_)
    return "Ended, with all that ran on it."


def _remove_passkey(frame: Frame, name: str, id_: str, _form: Act) -> str:
    passkeys.remove_of(frame.context, frame.me, name, id_)
    return "The passkey is removed, and everything signed out."


def _revoke_token(frame: Frame, name: str, id_: str, _form: Act) -> str:
    handles.revoke(frame.context, frame.me, name, id_)
    return f"The token {id_} counts no more."


_ACTS: Final[dict[tuple[str, str], Callable[[Frame, str, str, Act], str]]] = {
    ("devices", "approve"): _approve,
    ("devices", "rename"): _rename,
    ("devices", "revoke"): _revoke,
    ("sign-ins", "end"): _end,
    ("passkeys", "remove"): _remove_passkey,
    ("tokens", "revoke"): _revoke_token,
}
