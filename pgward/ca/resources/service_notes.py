"""What whoever applies a service should know: which policies it names, and that they are there."""

from difflib import get_close_matches

from sqlalchemy.engine import Connection

from pgward.ca.resources import stored as resources
from pgward.ca.resources.kinds import ServiceSpec
from pgward.core.errors import ConflictError


def about(connection: Connection, spec: ServiceSpec) -> list[str]:
    """Return a line for each policy that does not exist: nobody gets in meanwhile."""
    if spec.postgres is None:
        return []
    known = [each.name for each in resources.every(connection, "Policy")]
    return [_missing(name, known) for name in spec.postgres.policies if name not in known]


def check_unused(connection: Connection, policy: str) -> None:
    """Raise ConflictError while a service names a policy: without it nobody would get in."""
    using = [
        each.name
        for each, spec in resources.services(connection)
        if spec.postgres is not None and policy in spec.postgres.policies
    ]
    if using:
        raise ConflictError(
            f"the policy {policy!r} is in use: {', '.join(using)}", hint="change the service first"
        )


def _missing(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    also = f"; did you mean {near[0]!r}?" if near else ""
    return f"there is no policy {name!r}, so nobody may connect{also}"
