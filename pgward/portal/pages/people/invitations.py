"""``/admin/invitations``: new people, and the links by which they choose a password."""

from typing import Annotated, Any, Final

from anyio.to_thread import run_sync
from fastapi import Response
from pydantic import Field

from pgward.ca.service import errors
from pgward.ca.service.routes import invitations, users
from pgward.ca.service.routes.invitations import InvitationRequest, NewInvitation
from pgward.core.errors import ConflictError, PgwardError
from pgward.portal.pages.machines.common import REFUSALS, listed
from pgward.portal.pages.people import common
from pgward.portal.pages.people.common import Groups, Line, Name
from pgward.portal.web import forms, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Administrator, Frame

router = route.router()
_PAGE: Final = "/admin/invitations"
HOURS: Final = {24: "a day", 72: "three days", 168: "a week", 336: "two weeks"}


class Link(Form):
    """How long a link counts, and whether it is e-mailed."""

    hours: Annotated[int, Field(ge=1, le=336)] = 72
    mail: bool = False


class NewPerson(Link):
    """Somebody who is to be invited."""

    name: Annotated[str, Field(max_length=253)]
    full_name: Line = ""
    email: Line = ""
    groups: Groups = ""

    def body(self) -> dict[str, Any]:
        """Return the person as the API takes one."""
        return {
            "name": self.name.strip(),
            "full_name": self.full_name.strip(),
            "email": self.email.strip(),
            "groups": listed(self.groups),
        }


@router.get(_PAGE)
def every(frame: Administrator) -> Response:
    """Show whose link counts, and the form that invites somebody."""
    return _every(frame)


@router.post(_PAGE)
async def add(frame: Administrator) -> Response:
    """Add a person and make the link, which is shown once."""
    form = None
    try:
        form = frame.form(NewPerson)
        body = forms.checked(users.UserRequest, form.body())
        await users.add(frame.context, frame.me, body)
    except REFUSALS as error:
        return await run_sync(_every, frame, error, form)
    try:
        return await run_sync(invite, frame, body.name, form)
    except ConflictError as error:
        return frame.go(
            common.path(body.name), f"Added, but without a link: {error.message}.", "warning"
        )


@router.post(f"{_PAGE}/{{name}}")
def remove(frame: Administrator, name: Name) -> Response:
    """Have a link count no more."""
    try:
        invitations.remove(frame.context, frame.me, name)
    except REFUSALS as error:
        return _every(frame, error)
    return frame.go(_PAGE, f"The link of {name} counts no more.")


def invite(frame: Frame, name: str, form: Link) -> Response:
    """Make the link of a person and show it, this once; raise ConflictError, NotFoundError."""
    body = InvitationRequest(hours=form.hours, mail=form.mail)
    made: NewInvitation = invitations.create(frame.context, frame.me, name, body)
    return frame.show("people/invited.html", made=made, person=common.path(made.invitation.user))


def has_mail(frame: Frame) -> bool:
    """Tell whether the authority sends e-mail."""
    return bool(frame.context.desk.settings.notify.smtp.server)


def _every(
    frame: Frame, problem: PgwardError | None = None, form: NewPerson | None = None
) -> Response:
    return frame.show(
        "people/invitations.html",
        status=200 if problem is None else errors.status(problem),
        invitations=invitations.every(frame.context, frame.me).invitations,
        groups=common.suggested(frame),
        hours=HOURS,
        has_mail=has_mail(frame),
        problem=problem,
        form=form,
        now=frame.context.now(),
    )
