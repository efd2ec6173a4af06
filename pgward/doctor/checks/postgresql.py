"""PostgreSQL's own answer to this person: pg_hba.conf, the role, the database."""

import ssl

from pgward.doctor import messages, network
from pgward.doctor.finding import Finding, fail, ok
from pgward.doctor.patient import Patient
from pgward.doctor.refusals import of_refusal
from pgward.doctor.wire import Answer, start
from pgward.pgwire.errors import WireError
from pgward.tunnel.preface import RefusedError

CHECK = "postgresql"
_DENIED = ("28000", "28P01", "42501")


def look(patient: Patient) -> Finding | None:
    """Log in, and leave at once."""
    if patient.upstream is None:
        return None
    user = patient.need_session().user.name
    database = patient.database or (patient.service and patient.service.database) or user
    try:
        answer = start(patient.upstream, user, database, _reason(patient))
    except RefusedError as error:
        return of_refusal(CHECK, error)
    except WireError as error:
        return _explained(error.message, 1)
    except (ssl.SSLError, OSError) as error:
        return _explained(network.tls_text(error), 1)
    return read(answer, user, database)


def _reason(patient: Patient) -> dict[str, str]:
    """Return why it connects, for edges of services that ask (``reasonRequired``)."""
    is_aware = patient.service is not None and patient.service.is_aware
    return {"options": "-c pgward.reason=pgward\\ doctor"} if is_aware else {}


def read(answer: Answer, user: str, database: str) -> Finding:
    """Say what an answer means."""
    if answer.error:
        return _explained(answer.error, 3 if answer.sqlstate in _DENIED else 1)
    if answer.wants:
        return fail(
            CHECK,
            f"PostgreSQL asks {user} for {answer.wants} instead of taking the certificate",
            "an earlier line of pg_hba.conf than the one for certificates fits this connection",
            "whoever runs the database moves the line up; on its host: pgward hba apply",
            3,
        )
    return ok(CHECK, f"PostgreSQL {answer.version} lets {user} into the database {database}")


def _explained(said: str, code: int) -> Finding:
    meaning = messages.translate(said)
    return fail(
        CHECK,
        f"PostgreSQL says: {said}",
        meaning.meaning if meaning else "",
        meaning.hint if meaning else "see PostgreSQL's log",
        code,
    )
