"""``/welcome``: somebody who has a link chooses a password by it, and is signed in.

Looking changes nothing. What is asked besides the password, the sign-in asks.
"""

from typing import Annotated, Final

from anyio.to_thread import run_sync
from fastapi import Query, Response
from pydantic import Field, SecretStr

from pgward.ca.identity.invitations import MAX_LENGTH, PATH
from pgward.ca.service import errors
from pgward.ca.service.routes import invitations
from pgward.core.errors import (
    DeniedError,
    InvalidInputError,
    PgwardError,
    TooManyRequestsError,
    UnavailableError,
)
from pgward.portal.pages import database, sign_in
from pgward.portal.web import route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Frame, Guest, Signed

router = route.router()
_NEXT: Final = "/welcome/in"
_Text = Annotated[str, Query(alias="invitation", max_length=MAX_LENGTH)]
_Secret = Annotated[SecretStr, Field(max_length=4096)]
_REFUSALS = (DeniedError, InvalidInputError, TooManyRequestsError, UnavailableError)


class Chosen(Form):
    """The link's text, and twice the password."""

    invitation: Annotated[str, Field(max_length=MAX_LENGTH)]
    password: _Secret
    again: _Secret


@router.get(PATH)
def show(frame: Guest, text: _Text = "") -> Response:
    """Show who is invited, and ask for a password."""
    return _show(frame, text)


@router.post(PATH)
async def choose(frame: Guest) -> Response:
    """Set the password, and sign in with it."""
    form = frame.form(Chosen)
    password = form.password.get_secret_value()
    try:
        if password != form.again.get_secret_value():
            raise InvalidInputError("the two passwords are not the same")
        user = await invitations.of(frame.context).accept(form.invitation, password)
    except _REFUSALS as error:
        return await run_sync(_show, frame, form.invitation, error)
    given = {"method": "password", "user": user.name, "password": password, "next": _NEXT}
    return await sign_in.begun(frame, sign_in.Begin.model_validate(given))


@router.get(_NEXT)
def inside(frame: Signed) -> Response:
    """Show somebody who is in for the first time what comes next."""
    return frame.show("people/inside.html", log_in=database.log_in(frame))


def _show(frame: Frame, text: str, problem: PgwardError | None = None) -> Response:
    found = None
    try:
        found = invitations.of(frame.context).look(text)
    except DeniedError as error:
        problem = problem or error
    return frame.show(
        "people/welcome.html",
        status=200 if problem is None else errors.status(problem),
        found=found,
        text=text,
        problem=problem,
    )
