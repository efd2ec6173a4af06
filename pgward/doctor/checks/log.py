"""The CA's transparency log: it continues what this machine has seen of it."""

from pgward.client.witness import Witness
from pgward.core.errors import PgwardError
from pgward.doctor.finding import Finding, of_error, ok, warn
from pgward.doctor.patient import Patient
from pgward.pki.errors import LogError

CHECK = "log"


def look(patient: Patient) -> Finding:
    """Get the newest head and compare it with the last one."""
    session = patient.need_session()
    try:
        seen = Witness(patient.home.directory, session.trust.fingerprint, patient.clock).update(
            session.api()
        )
    except LogError as error:
        return of_error(CHECK, error, "the CA contradicts what it signed before")
    except PgwardError as error:
        return warn(CHECK, f"its log cannot be checked: {error.message}", hint=error.hint or "")
    return ok(CHECK, f"the CA's log has {seen.head.size} entries and continues what was seen")
