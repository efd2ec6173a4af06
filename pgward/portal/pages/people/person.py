"""``/admin/people/NAME``: somebody, what they are and reach, and what is done about them."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from fastapi import Query, Response
from pydantic import Field

from pgward.ca.identity.directory import ADMINISTRATORS, AUDITORS
from pgward.ca.service import errors
from pgward.ca.service.models import Revoked, Storable, UserDetail
from pgward.ca.service.routes import (
    access_report,
    certificates,
    groups,
    invitations,
    login_sessions,
    mfa,
    revocations,
    users,
)
from pgward.ca.service.routes.groups import MemberChange
from pgward.client.phrases import counted
from pgward.core.errors import PgwardError
from pgward.portal.pages.machines.common import REASONS, REFUSALS, Act, Revoke, listed, unknown_act
from pgward.portal.pages.people import common
from pgward.portal.pages.people.common import Groups, Line, Name
from pgward.portal.pages.people.invitations import HOURS, Link, has_mail, invite
from pgward.portal.web import forms, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Administrator, Frame

router = route.router()
Cursor = Annotated[str, Query(max_length=4000), Storable]
ROLES: Final = {ADMINISTRATORS: "administrator", AUDITORS: "auditor"}
"""Groups that mean something to the authority itself."""
_Group = Annotated[str, Field(max_length=63)]


class Facts(Form):
    """What is known of somebody; ``must_change`` is about the password."""

    full_name: Line = ""
    email: Line = ""
    groups: Groups = ""
    valid_from: Line = ""
    valid_until: Line = ""
    must_change: bool = False

    def body(self) -> dict[str, Any]:
        """Return it as the API takes it; raise InvalidInputError."""
        return {
            "full_name": self.full_name.strip(),
            "email": self.email.strip(),
            "groups": listed(self.groups),
            "must_change_password": self.must_change,
            "valid_from": common.moment_of(self.valid_from),
            "valid_until": common.moment_of(self.valid_until),
        }


class Why(Act, Revoke, Link):
    """What is done with somebody, in which group, why, and for how long a link counts."""

    group: _Group = ""
    words: Line = ""


@router.get("/admin/people/{name}")
def show(frame: Administrator, name: Name) -> Response:
    """Show who it is."""
    return page(frame, name)


@router.post("/admin/people/{name}")
def act(frame: Administrator, name: Name) -> Response:
    """Do something with somebody."""
    try:
        form = frame.form(Why)
        if form.act == "invite":
            return invite(frame, name, form)
        if form.act not in _ACTS:
            raise unknown_act()
        told = _ACTS[form.act](frame, name, form)
    except REFUSALS as error:
        return page(frame, name, error)
    return frame.go("/admin/people" if form.act == "remove" else common.path(name), told)


@router.post("/admin/people/{name}/facts")
def change(frame: Administrator, name: Name) -> Response:
    """Change what is known of somebody."""
    form = None
    try:
        form = frame.form(Facts)
        different = _different(users.show(frame.context, frame.me, name).user, form.body())
        if different:
            body = forms.checked(users.UserChange, different)
            users.change(frame.context, frame.me, name, body)
    except REFUSALS as error:
        return page(frame, name, error, form)
    return frame.go(common.path(name), "Changed." if different else "There is nothing to change.")


@router.get("/admin/people/{name}/certificates")
def issued(frame: Administrator, name: Name, cursor: Cursor = "") -> Response:
    """Show the certificates that somebody got, the newest first."""
    return _issued(frame, name, cursor)


@router.post("/admin/people/{name}/certificates/{serial}")
def revoke(frame: Administrator, name: Name, serial: Name) -> Response:
    """Revoke one certificate."""
    try:
        form = frame.form(Revoke)
        given = {"reason": form.reason, "comment": form.comment.strip()}
        body = forms.checked(revocations.RevokeRequest, given)
        revocations.revoke(frame.context, frame.me, serial, body)
    except REFUSALS as error:
        return _issued(frame, name, "", error)
    return frame.go(f"{common.path(name)}/certificates", "Revoked.")


@router.get("/admin/people/{name}/access")
def reached(frame: Administrator, name: Name, after: Cursor = "") -> Response:
    """Show what somebody reaches, and by what."""
    user = users.show(frame.context, frame.me, name).user
    found = access_report.show(
        frame.context, frame.me, user=user.name, people=True, limit=common.MOST, after=after or None
    )
    return frame.show(
        "people/access.html",
        user=user,
        rights=found.rights,
        now=frame.context.now(),
        first=frame.link(after=None) if after else None,
        next=frame.link(after=found.after) if found.after else None,
    )


def page(
    frame: Frame, name: str, problem: PgwardError | None = None, form: Facts | None = None
) -> Response:
    """Return somebody's page, with what went wrong; raise NotFoundError."""
    context, me = frame.context, frame.me
    user = users.show(context, me, name).user
    every = invitations.every(context, me).invitations
    return frame.show(
        "people/person.html",
        status=200 if problem is None else errors.status(problem),
        user=user,
        factors=mfa.of_person(context, me, user.name),
        invitation=next((each for each in every if each.user == user.name), None),
        roles=ROLES,
        reasons=REASONS,
        hours=HOURS,
        has_mail=has_mail(frame),
        groups=common.suggested(frame),
        typed=common.typed,
        problem=problem,
        form=form,
        now=context.now(),
    )


def _issued(frame: Frame, name: str, cursor: str, problem: PgwardError | None = None) -> Response:
    user = users.show(frame.context, frame.me, name).user
    given = {"user": user.name, "limit": common.MOST, "cursor": cursor or None}
    wanted = forms.checked(certificates.Filters, given)
    found = certificates.every(frame.context, frame.me, wanted)
    return frame.show(
        "people/certificates.html",
        status=200 if problem is None else errors.status(problem),
        user=user,
        certificates=found.certificates,
        reasons=REASONS,
        now=frame.context.now(),
        problem=problem,
        first=frame.link(cursor=None) if cursor else None,
        next=frame.link(cursor=found.cursor) if found.cursor else None,
    )


def _different(user: UserDetail, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is another one now: the record of an act has what was given."""
    found = user.model_dump(mode="json")
    return {
        name: value
        for name, value in given.items()
        if (sorted(value) != sorted(found[name]) if name == "groups" else value != found[name])
    }


def _revoked(done: Revoked) -> str:
    return f"{counted(done.revoked, 'certificate')} revoked"


def _block(frame: Frame, name: str, form: Why) -> str:
    body = forms.checked(users.Reasoned, {"reason": form.words.strip()})
    done = users.block(frame.context, frame.me, name, body)
    return f"{done.user.name} is blocked: signed out everywhere, {_revoked(done)}."


def _unblock(frame: Frame, name: str, _form: Why) -> str:
    users.unblock(frame.context, frame.me, name)
    return "May sign in again. Certificates that were revoked stay revoked."


def _end(frame: Frame, name: str, _form: Why) -> str:
    done = login_sessions.end_all(frame.context, frame.me, name)
    return f"Signed out: {done.ended}, with {_revoked(done)}."


def _revoke_all(frame: Frame, name: str, form: Why) -> str:
    given = {
        "kind": "person",
        "name": name,
        "reason": form.reason,
        "comment": form.comment.strip(),
    }
    body = forms.checked(revocations.RevokeAllRequest, given)
    done = revocations.revoke_all(frame.context, frame.me, body)
    return f"Certificates revoked: {done.revoked}. Signed out: {done.sessions_ended}."


def _reset(frame: Frame, name: str, _form: Why) -> str:
    removed = mfa.reset(frame.context, frame.me, name).removed
    return "The second factors are removed." if removed else "There was no second factor."


def _join(frame: Frame, name: str, form: Why) -> str:
    groups.change(frame.context, frame.me, form.group, MemberChange(add=[name]))
    return f"Now in {form.group}."


def _leave(frame: Frame, name: str, form: Why) -> str:
    groups.change(frame.context, frame.me, form.group, MemberChange(remove=[name]))
    return f"No longer in {form.group}."


def _remove(frame: Frame, name: str, _form: Why) -> str:
    done = users.remove(frame.context, frame.me, name)
    return f"{name} is removed, with {_revoked(done)}."


def _uninvite(frame: Frame, name: str, _form: Why) -> str:
    invitations.remove(frame.context, frame.me, name)
    return "The link counts no more."


_ACTS: Final[dict[str, Callable[[Frame, str, Why], str]]] = {
    "block": _block,
    "unblock": _unblock,
    "end": _end,
    "revoke": _revoke_all,
    "reset": _reset,
    "join": _join,
    "leave": _leave,
    "uninvite": _uninvite,
    "remove": _remove,
}
