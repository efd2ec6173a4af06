"""The CA answers as a CA, and its clock is ours."""

from pgward.client.api import ApiClient
from pgward.client.failures import host_of
from pgward.doctor.finding import Finding, ok
from pgward.doctor.patient import Patient

CHECK = "ca"


def look(patient: Patient) -> Finding:
    """Ask how it is; PgwardError says what is wrong, a clock that differs as well."""
    trust = patient.need_trust()
    with ApiClient(
        trust.ca_url, trust.server_roots, clock=patient.clock, timeout=patient.seconds
    ) as client:
        client.get("/v1/health")
        client.check_clock()
    patient.ca_answers = True
    return ok(CHECK, f"{host_of(trust.ca_url)} answers, and its clock agrees with this machine's")
