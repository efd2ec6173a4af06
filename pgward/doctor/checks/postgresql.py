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
_OURS = "pgward: "


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
    if _is_aware(patient) and answer.authenticated and not answer.error:
        return ok(CHECK, f"PostgreSQL {answer.version} lets the edge in for {user}")
    return read(answer, user, database)


def _is_aware(patient: Patient) -> bool:
    return patient.service is not None and patient.service.is_aware


def _reason(patient: Patient) -> dict[str, str]:
    """Return why it connects, for edges of services that ask (``reasonRequired``)."""
    return {"options": "-c pgward.reason=pgward\\ doctor"} if _is_aware(patient) else {}


def read(answer: Answer, user: str, database: str) -> Finding:
    """Say what an answer means."""
    code = 3 if answer.sqlstate in _DENIED else 1
    if answer.error.startswith(_OURS):  # in its words about PostgreSQL, "you" is the edge
        said = answer.error.removeprefix(_OURS)
        return fail(CHECK, f"the edge says: {said}", hint=answer.hint, exit_code=code)
    if answer.error:
        return _explained(answer.error, code)
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
