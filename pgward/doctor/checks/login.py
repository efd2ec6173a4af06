"""The login session, as this machine has it."""

from pgward.client.failures import host_of
from pgward.client.phrases import when
from pgward.client.session import Session
from pgward.core.clock import rfc3339
from pgward.doctor.finding import Finding, ok
from pgward.doctor.patient import Patient

CHECK = "login"


def look(patient: Patient) -> Finding:
    """Read the session; LoginNeededError when there is none, or it is over."""
    session = Session(patient.home, patient.clock)
    patient.session, patient.trust = session, session.trust
    session.check_alive()
    return ok(
        CHECK,
        f"{session.user.name} at {host_of(session.trust.ca_url)}, ends"
        f" {when(session.session_expires_at, patient.clock.now())}"
        f" ({rfc3339(session.session_expires_at)})",
    )
