"""Passkeys on ``/me``: made by this browser, renamed, removed."""

from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from fastapi import Response
from pydantic import Field

from pgward.ca.login import way_back
from pgward.ca.login.passkeys import enrolment
from pgward.ca.login.passkeys.vouchers import MAX_LENGTH as MAX_VOUCHER
from pgward.ca.service.routes import passkeys
from pgward.core.errors import InvalidInputError
from pgward.portal.pages import me, visiting
from pgward.portal.pages.me import PAGE, REFUSALS, Act
from pgward.portal.web import forms, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Signed

router = route.router()


class Wish(Form):
    """What a new passkey is to be called; left empty, after the browser."""

    name: Annotated[str, Field(max_length=500)] = ""


class Made(Form):
    """What the browser has brought back from making one."""

    flow: Annotated[str, Field(max_length=enrolment.MAX_FLOW)]
    voucher: Annotated[str, Field(max_length=MAX_VOUCHER)]
    state: Annotated[str, Field(max_length=200)]


@router.post("/me/passkeys")
def begin(frame: Signed) -> Response:
    """Have the browser make a passkey; nothing is stored until it has."""
    form = frame.form(Wish)
    given = {
        "name": form.name.strip() or frame.browser.name,
        "redirect_uri": way_back.own(frame.context.desk.settings),
    }
    try:
        body = forms.checked(passkeys.NewPasskeyRequest, given)
        begun = passkeys.begin(frame.context, frame.me, body)
        visit = parse_qs(urlsplit(begun.url).query)["visit"][0]
        options = visiting.to_make(frame, visit, begun.code)
    except REFUSALS as error:
        return me.page(frame, error)
    return frame.show(
        "new_passkey.html",
        called=body.name,
        visit=visit,
        code=begun.code,
        options=options,
        flow=begun.flow,
    )


@router.post("/me/passkeys/made")
def finish(frame: Signed) -> Response:
    """Store the passkey that the browser has made."""
    form = frame.form(Made)
    given = {"flow": form.flow, "answer": {"code": form.voucher, "state": form.state}}
    try:
        body = forms.checked(passkeys.EnrolmentAnswer, given)
        found = passkeys.finish(frame.context, frame.me, body).passkey
    except REFUSALS as error:
        return me.page(frame, error)
    return frame.go(PAGE, f"The passkey {found.name} is yours now.")


@router.post("/me/passkeys/{key}")
def change(frame: Signed, key: passkeys.Key) -> Response:
    """Rename or remove a passkey."""
    form = frame.form(Act)
    try:
        if form.act == "rename":
            body = forms.checked(passkeys.NewName, {"name": form.name})
            found = passkeys.rename(frame.context, frame.me, key, body).passkey
            return frame.go(PAGE, f"It is called {found.name} now.")
        if form.act != "remove":
            raise InvalidInputError("there is nothing of that kind to do")
        passkeys.remove(frame.context, frame.me, key)
    except REFUSALS as error:
        return me.page(frame, error)
    return frame.go(PAGE, "The passkey is removed, and all other sign-ins ended.")
