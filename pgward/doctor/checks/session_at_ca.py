"""The login session, as the CA has it: it may have been ended, or the person blocked."""

from pgward.core.errors import DeniedError, LoginNeededError, PgwardError
from pgward.doctor.finding import Finding, of_error, ok
from pgward.doctor.patient import Patient

CHECK = "session_at_ca"


def look(patient: Patient) -> Finding:
    """Ask the CA who we are."""
    try:
        patient.need_session().api().get("/v1/me")
    except (LoginNeededError, DeniedError) as error:
        return of_error(CHECK, error, "the session was ended elsewhere, or the account blocked")
    except PgwardError as error:
        return of_error(CHECK, error)
    return ok(CHECK, "the CA knows the login session")
