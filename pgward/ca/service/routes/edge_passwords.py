"""What an edge asks to log in as people's access roles: their passwords."""

from base64 import b64encode
from typing import Annotated

from pydantic import BaseModel, Field

from pgward.ca.accounts import access_roles
from pgward.ca.accounts.access_roles import Password
from pgward.ca.handles import access_passwords
from pgward.ca.handles.access_passwords import Grounds
from pgward.ca.handles.minting import Wanted
from pgward.ca.identity.machines import Machine
from pgward.ca.service import strict
from pgward.ca.service.auth import Edge
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body, Name, Storable
from pgward.ca.service.routes.edge_self import Serial
from pgward.core.errors import DeniedError

router = strict.router("machines", prefix=f"{strict.PREFIX}/edges/self")
_READ = "access.password_read"
_REFUSED = "access.password_refused"


class PasswordRequest(Body):
    """Whose access role, by what the person came, and which password the server refused."""

    service: Name
    user: Name
    role: Annotated[str, Field(min_length=1, max_length=63), Storable]
    session: Annotated[str, Field(max_length=64), Storable] | None = None
    serial: Serial | None = None
    refused: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


class PasswordReply(BaseModel):
    """A password in base64; each of a role has another version."""

    version: int
    value: str


@router.post("/passwords", summary="Get the password of a person's access role")
def password(context: Current, edge: Edge, body: PasswordRequest) -> PasswordReply:
    """Return it for a person who has a grant and is logged in; it is put on record."""
    # For each person apart: an edge asks for all who use it.
    context.limits.issuing(f"{edge.actor} for {body.user[:63].lower()}", context.monotonic())
    grounds = _grounds(context, edge, body)
    found = _found(context, edge, body, grounds)
    value = b64encode(found.value.encode()).decode("ascii")
    return PasswordReply(version=found.version, value=value)


def _grounds(context: Context, edge: Machine, body: PasswordRequest) -> Grounds:
    wanted = Wanted(body.service, body.user, body.role, body.session, body.serial)
    try:
        with context.store.read() as connection:
            return access_passwords.find(connection, wanted, edge=edge.name, now=context.now())
    except DeniedError as error:
        details = {"service": body.service, "role": body.role}
        context.acts.refused(edge.actor, _READ, body.user, error, details)
        raise


def _found(context: Context, edge: Machine, body: PasswordRequest, grounds: Grounds) -> Password:
    details = {
        "service": body.service,
        "integration": grounds.integration,
        "role": grounds.role,
        "session": grounds.session_id,
    }
    of = grounds.integration, grounds.role
    with context.acts.act(edge.actor, _READ, grounds.user) as act:
        connection, sealer = act.transaction.connection, context.desk.sealer
        found = access_roles.current(connection, sealer, *of, body.refused)
        if found is not None:
            act.details |= details | {"version": found.version}
            return found
        act.worth_recording = False
    # Somebody else gave the role what the server takes: the next one puts an end to that.
    with context.acts.act(edge.actor, _REFUSED, grounds.user) as act:
        act.details |= details | {"version": body.refused}
        act.worth_recording = access_roles.refuse(act.transaction, *of, context.now())
    raise access_roles.changing()
