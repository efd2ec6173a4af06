"""Why a session may not be, in words for the client."""

import logging

from pgward.audit.tape.frames import TapeFullError
from pgward.core.errors import PgwardError
from pgward.tunnel.edge.aware.facts import Asked, Decided
from pgward.tunnel.edge.landing import Landing
from pgward.tunnel.edge.state import EdgeState
from pgward.tunnel.edge.state_postgres import Config, PostgresService
from pgward.tunnel.edge.upstreams.errors import REJECTED, UpstreamError
from pgward.tunnel.preface import EXPLANATIONS, Reason, RefusedError

log = logging.getLogger("pgward.edge")

_WAYS = {
    "certificate": "a login certificate",
    "otp": "a one-time password",
    "token": "a token",
}
# invalid_authorization_specification (PostgreSQL manual, appendix A)
_OF_CREDENTIALS = "28"
# PostgreSQL tells clients less than its log: whether the role is there, has a password, may log in.
_OPERATORS_HINT = "PostgreSQL's own log says more"


def check_way(asked: Asked) -> None:
    """Raise RefusedError unless the service lets people in by what this one came with."""
    way = "certificate" if asked.method in {"tunnel", "web"} else asked.method
    ways = asked.postgres.login
    if way not in ways:
        raise RefusedError(
            Reason.DENIED,
            f"this service lets nobody in by {_WAYS[way]}",
            hint=f"use {' or '.join(_WAYS[each] for each in sorted(ways))}",
        )


def check_reason(postgres: PostgresService, landed: Landing) -> None:
    """Raise RefusedError where a service asks why somebody connects, and nobody says so."""
    if postgres.reason_required and landed.reason is None:
        raise RefusedError(
            Reason.DENIED,
            "this service asks why you connect",
            hint='PGOPTIONS="-c pgward.reason=TICKET-7"',
        )


def check_recording(config: Config, state: EdgeState | None) -> str | None:
    """Return for whom a recording is encrypted; None where nothing is recorded.

    Raises RefusedError where something would be, and the CA has named no key for it.
    """
    if config.recording == "none":
        return None
    if state is None or state.recipient is None:
        raise RefusedError(
            Reason.UNREACHABLE,
            "this service is recorded, and the edge has no key for that",
            hint="tell whoever runs the service: the CA must be of a newer version",
        )
    return state.recipient


def told(error: UpstreamError, decided: Decided) -> RefusedError:
    """Return what a client is told of a login that failed: of the edge's own means, nothing."""
    asked = decided.asked
    log.warning("no session on %s for %s: %s", asked.service, asked.user, _whole(error))
    if not _is_of_credentials(error):
        return error
    return RefusedError(
        Reason.UNREACHABLE,
        "the database does not let the edge in",
        hint="tell whoever runs the service: the edge's log has the reason",
        sqlstate=REJECTED,
    )


def nothing_to_show(error: PgwardError, decided: Decided) -> RefusedError:
    """Return what a client is told when the edge has nothing to log in with; its log has why."""
    asked = decided.asked
    log.warning("no credentials on %s for %s: %s", asked.service, asked.user, _whole(error))
    return RefusedError(
        Reason.UNREACHABLE,
        f"the edge has nothing to log in to {asked.service} with",
        hint="tell whoever runs the service: the edge's log has the reason",
        sqlstate="08001",
    )


def no_room(error: TapeFullError) -> RefusedError:
    """Return what a client is told when nothing can be put on record."""
    log.error("sessions are refused: %s", error.message)
    return RefusedError(
        Reason.LIMIT,
        "the edge has no room to put sessions on record",
        hint="tell whoever runs the edge",
        sqlstate="53100",
    )


def _whole(error: PgwardError) -> str:
    """Return it with its hint, for the log of whom clients would be sent to ask."""
    hint = error.hint
    if isinstance(error, RefusedError) and hint == EXPLANATIONS[error.reason][1]:
        hint = _OPERATORS_HINT if _is_of_credentials(error) else None
    return f"{error.message} ({hint})" if hint else error.message


def _is_of_credentials(error: RefusedError) -> bool:
    return error.sqlstate == REJECTED or error.sqlstate.startswith(_OF_CREDENTIALS)
