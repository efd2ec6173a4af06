"""Which CA this machine trusts."""

from pgward.client.failures import host_of
from pgward.doctor.finding import Finding, ok
from pgward.doctor.patient import Patient

CHECK = "trust"


def look(patient: Patient) -> Finding:
    """Read it; LoginNeededError when no CA was pinned."""
    patient.trust = patient.home.trust()
    return ok(CHECK, f"{host_of(patient.trust.ca_url)} is known by {patient.trust.fingerprint}")
