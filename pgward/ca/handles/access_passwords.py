"""On what grounds an edge gets the password of a person's access role: for who came to it, now."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from pgward.ca.access import admission
from pgward.ca.acts import RefusedError
from pgward.ca.handles import minting
from pgward.ca.handles.minting import Wanted
from pgward.ca.resources import stored as resources
from pgward.ca.resources.kinds import ServiceSpec


@dataclass(frozen=True, slots=True)
class Grounds:
    """Whose password it is: of which role, on the server of which integration."""

    user: str
    session_id: str
    integration: str
    role: str


def find(connection: Connection, wanted: Wanted, *, edge: str, now: datetime) -> Grounds:
    """Return the grounds; raise RefusedError, which says why to the audit log and the edge."""
    found = resources.find(connection, "Service", wanted.service)
    spec = None if found is None else ServiceSpec.model_validate(found.spec)
    if spec is None or not spec.is_on(edge):
        raise _refused("this edge serves no such service")
    if spec.postgres is None or not spec.postgres.has_passwords_of_grants():
        raise _refused("the service does not log in by passwords of grants")
    try:
        person = minting.able(connection, wanted.user, now)
        session = minting.session_of(connection, wanted, person.name, now)
    except RefusedError as error:
        raise _refused(error.why) from error
    granted = admission.held(connection, person.name, now).get(wanted.service)
    if granted is None or granted.role != wanted.role or granted.integration is None:
        raise _refused("the person has no such access role now")
    if granted.integration != spec.integration:
        raise _refused("the access role is on another server")
    return Grounds(person.name, session.id, granted.integration, granted.role)


def _refused(why: str) -> RefusedError:
    return RefusedError("no password is given", why=why, hint=why)
