"""Links by which people choose a password, as administrators make them."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, Field

from pgward.ca import caller
from pgward.ca.identity import directory, invitations
from pgward.ca.identity.invitations import Invitation
from pgward.ca.login.inviting import Inviting
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body, Change, Flag, Time
from pgward.core.errors import NotFoundError

router = strict.router("people: administration")


class InvitationRequest(Body):
    """How long the link counts, and whether it is e-mailed, where there is e-mail, too."""

    hours: Annotated[int, Field(ge=1, le=24 * 14)] = 72
    mail: Flag = True


class InvitationInfo(BaseModel):
    """A link that counts; it is shown to nobody again."""

    user: str
    created_at: Time
    created_by: str
    expires_at: Time

    @classmethod
    def of(cls, found: Invitation) -> "InvitationInfo":
        """Show it."""
        return cls(
            user=found.user,
            created_at=found.created_at,
            created_by=found.created_by,
            expires_at=found.expires_at,
        )


class Invitations(BaseModel):
    """All that count, the newest first."""

    invitations: list[InvitationInfo]


class NewInvitation(BaseModel):
    """A link, which is shown only now; ``mailed``: it goes to the person by e-mail, too."""

    link: str
    mailed: bool
    invitation: InvitationInfo


@router.get("/invitations", summary="List invitations")
def every(context: Current, _by: Administrator) -> Invitations:
    """Return who has a link, and did not use it yet."""
    with context.store.read() as connection:
        found = invitations.living(connection, context.now())
    return Invitations(invitations=[InvitationInfo.of(each) for each in found])


@router.post("/users/{name}/invitation", summary="Invite a person", status_code=201)
def create(
    context: Current, by: Administrator, name: str, body: InvitationRequest
) -> NewInvitation:
    """Make a one-time link by which a person chooses a password; one before it counts no more.

    For who has a password already it is a way to choose another one.
    """
    lifetime = timedelta(hours=body.hours)
    with context.acts.act(by.user.name, "user.invite", name) as act:
        link, mailed = of(context).invite(act, name, lifetime=lifetime, mail=body.mail)
        user = directory.get(act.transaction.connection, name).name
        (made,) = invitations.living(act.transaction.connection, context.now(), users=[user])
    return NewInvitation(link=link, mailed=mailed, invitation=InvitationInfo.of(made))


@router.delete("/users/{name}/invitation", summary="Take an invitation back")
def remove(context: Current, by: Administrator, name: str) -> Change:
    """Have a person's link count no more."""
    with context.acts.act(by.user.name, "invitation.revoke", name) as act:
        user = directory.get(act.transaction.connection, name).name
        act.target = user
        if not of(context).withdraw(act.transaction, user):
            raise NotFoundError(f"{user} has no invitation", hint=f"pgward user invite {user}")
    return Change(change="deleted")


def of(context: Context) -> Inviting:
    """Return what makes links, and takes passwords by them."""

    def refusal() -> None:
        context.limits.refusal(caller.client.get(), context.monotonic())

    return Inviting(context.desk, context.passwords, context.login_rules, refusal)
