"""``/admin/groups``: who is in which group."""

from typing import Annotated

from fastapi import Response
from pydantic import Field

from pgward.ca.service import errors
from pgward.ca.service.routes import groups, people
from pgward.core import names
from pgward.core.errors import InvalidInputError, PgwardError
from pgward.portal.pages.machines.common import REFUSALS, listed
from pgward.portal.pages.people import common
from pgward.portal.pages.people.common import Groups, Name
from pgward.portal.pages.people.person import ROLES
from pgward.portal.web import forms, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Administrator, Frame

router = route.router()
_PAGE = "/admin/groups"
_Word = Annotated[str, Field(max_length=253)]


class Members(Form):
    """Who comes into a group, and who goes."""

    add: Groups = ""
    remove: _Word = ""


class NewGroup(Members):
    """A group, which exists once somebody is in it."""

    name: _Word


@router.get(_PAGE)
def every(frame: Administrator, text: people.Text = "") -> Response:
    """Show all groups, and how many are in each."""
    return _every(frame, text)


@router.post(_PAGE)
def add(frame: Administrator) -> Response:
    """Make a group of some people."""
    form = None
    try:
        form = frame.form(NewGroup)
        name = names.resource_name(form.name.strip(), what="group")
        _change(frame, name, form)
    except REFUSALS as error:
        return _every(frame, "", error, form)
    return frame.go(f"{_PAGE}/{name}", "Done.")


@router.get(f"{_PAGE}/{{name}}")
def show(
    frame: Administrator, name: Name, text: people.Text = "", after: people.Word = ""
) -> Response:
    """Show who is in a group."""
    return _show(frame, name, text, after)


@router.post(f"{_PAGE}/{{name}}")
def change(frame: Administrator, name: Name) -> Response:
    """Put people in, or take one out."""
    form = None
    try:
        form = frame.form(Members)
        left = _change(frame, names.resource_name(name, what="group"), form)
    except REFUSALS as error:
        return _show(frame, name, "", "", error, form)
    if not left:
        return frame.go(_PAGE, f"Nobody is in {name} now, so the group is gone.")
    return frame.go(f"{_PAGE}/{name}", "Done.")


def _change(frame: Frame, name: str, form: Members) -> int:
    """Change it; return how many are in it now."""
    given = {"add": listed(form.add), "remove": listed(form.remove)}
    if not any(given.values()):
        raise InvalidInputError("nobody is named", hint="a group exists while it has members")
    body = forms.checked(groups.MemberChange, given)
    return groups.change(frame.context, frame.me, name, body).size


def _every(
    frame: Frame, text: str, problem: PgwardError | None = None, form: NewGroup | None = None
) -> Response:
    found = groups.every(frame.context, frame.me, members=False).groups
    shown = [each for each in found if text.strip().lower() in each.name]
    return frame.show(
        "people/groups.html",
        status=200 if problem is None else errors.status(problem),
        groups=shown[: common.MOST],
        total=len(shown),
        text=text,
        roles=ROLES,
        problem=problem,
        form=form,
    )


def _show(  # noqa: PLR0917 - the last two are of a form that was not taken
    frame: Frame,
    name: str,
    text: str,
    after: str,
    problem: PgwardError | None = None,
    form: Members | None = None,
) -> Response:
    names.resource_name(name, what="group")
    found = people.page(
        frame.context, frame.me, text.strip(), None, name, common.MOST, after or None
    )
    return frame.show(
        "people/group.html",
        status=200 if problem is None else errors.status(problem),
        group=name,
        found=found,
        text=text,
        role=ROLES.get(name),
        problem=problem,
        form=form,
        now=frame.context.now(),
        first=frame.link(after=None) if after else None,
        next=frame.link(after=found.after) if found.after else None,
    )
