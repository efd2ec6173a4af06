"""``/admin/devices``: everybody's devices and browsers, those first that wait for a yes."""

from typing import Annotated, Final, Literal, get_args

from fastapi import Path, Response
from pydantic import Field

from pgward.ca.service import errors
from pgward.ca.service.routes import devices, people
from pgward.core.errors import NotFoundError, PgwardError
from pgward.portal.pages.machines.common import REFUSALS, unknown_act
from pgward.portal.pages.people import common
from pgward.portal.web import forms, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Administrator, Frame

router = route.router()
_PAGE: Final = "/admin/devices"
State = Literal["waiting", "approved", "revoked"]
STATES: Final[tuple[State, ...]] = get_args(State)
_Cursor = Annotated[str, Field(max_length=200)]


class Act(Form):
    """What is done with somebody's device."""

    act: Annotated[str, Field(max_length=20)]
    user: Annotated[str, Field(max_length=253)]


@router.get(_PAGE)
def every(
    frame: Administrator, text: people.Text = "", state: people.Word = "", after: people.Text = ""
) -> Response:
    """Show devices."""
    return _every(frame, text, state, after)


@router.post(f"{_PAGE}/{{device}}")
def act(frame: Administrator, device: Annotated[str, Path(max_length=253)]) -> Response:
    """Let one in that waits, or let one in no more."""
    try:
        form = frame.form(Act)
        if form.act == "approve":
            body = forms.checked(devices.Waiting, {"device": device})
            found = devices.approve(frame.context, frame.me, form.user, body).device
            told = f"{found.name} of {found.user} may be used now."
        elif form.act == "revoke":
            devices.revoke(frame.context, frame.me, form.user, device)
            told = f"The device of {form.user} is not let in any more, and its sign-ins ended."
        else:
            raise unknown_act()
    except REFUSALS as error:
        return _every(frame, "", "", "", error)
    return frame.go(_PAGE, told)


def _every(
    frame: Frame, text: str, state: str, after: str, problem: PgwardError | None = None
) -> Response:
    wanted = next((each for each in STATES if each == state), None)
    if state and wanted is None:
        raise NotFoundError("there is no such state of a device", hint="choose one from the list")
    context, me = frame.context, frame.me
    found = devices.every(context, me, text.strip(), wanted, common.MOST, after or None)
    waiting = devices.every(context, me, "", "waiting", common.MOST, None).devices
    return frame.show(
        "people/devices.html",
        status=200 if problem is None else errors.status(problem),
        waiting=waiting,
        found=found,
        text=text,
        state=state,
        states=STATES,
        problem=problem,
        now=context.now(),
        first=frame.link(after=None) if after else None,
        next=frame.link(after=found.after) if found.after else None,
    )
