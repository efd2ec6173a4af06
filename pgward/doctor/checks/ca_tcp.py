"""A TCP connection to the CA, or to the proxy on the way to it."""

from pgward.doctor import network
from pgward.doctor.finding import Finding
from pgward.doctor.patient import Patient

CHECK = "ca_tcp"


def look(patient: Patient) -> Finding:
    """Connect."""
    assert patient.ca_route is not None  # noqa: S101 - `proxy` came before
    finding = network.connect(CHECK, patient.ca_route, patient.seconds)
    if patient.ca_route.sock is not None:
        patient.opened(patient.ca_route.sock)
    return finding
