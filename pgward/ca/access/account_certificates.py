"""On what grounds a connector gets a certificate in the name of its own account."""

from datetime import timedelta

from sqlalchemy.engine import Connection

from pgward.ca.acts import RefusedError
from pgward.ca.identity import directory
from pgward.ca.resources import account_names
from pgward.ca.resources.integration import IntegrationSpec
from pgward.core.errors import ConflictError


def check(connection: Connection, integration: str, spec: IntegrationSpec) -> None:
    """Refuse an account whose name is somebody else's too; raise ConflictError."""
    if spec.auth.certificate is None:
        return
    if directory.find(connection, spec.user) is not None:
        raise account_names.of_person(spec.user)
    stored = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    account_names.check_account(connection, integration, stored)


def lifetime(connection: Connection, integration: str, spec: IntegrationSpec) -> timedelta:
    """Return for how long one may be; raise RefusedError, which says why."""
    if spec.auth.certificate is None:
        raise _refused(
            "the integration does not log in by certificates",
            f"look at auth in it: pgward get integration {integration}",
        )
    try:
        check(connection, integration, spec)
    except ConflictError as error:  # it was applied before the other was there
        raise _refused(error.message, error.hint or "") from error
    return timedelta(minutes=spec.auth.certificate.minutes)


def _refused(why: str, hint: str) -> RefusedError:
    return RefusedError(f"no certificate is made: {why}", why=why, hint=hint)
