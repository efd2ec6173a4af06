"""The CA's name, or that of the proxy on the way to it."""

from pgward.doctor import network
from pgward.doctor.finding import Finding
from pgward.doctor.patient import Patient

CHECK = "ca_dns"


def look(patient: Patient) -> Finding:
    """Resolve it."""
    assert patient.ca_route is not None  # noqa: S101 - `proxy` came before
    return network.look_up(CHECK, patient.ca_route)
