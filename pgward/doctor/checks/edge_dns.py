"""The names of the service's edges."""

from pgward.doctor import network
from pgward.doctor.finding import Finding, Status, warn
from pgward.doctor.network import Route
from pgward.doctor.patient import Patient

CHECK = "edge_dns"


def look(patient: Patient) -> Finding | None:
    """Resolve them all; one that is found is enough."""
    if patient.service is None or patient.direct is not None or not patient.service.edges:
        return None
    found, lost = [], []
    for edge in patient.service.edges:
        route = Route(f"the edge {edge.name}", edge.address)
        finding = network.look_up(CHECK, route)
        if finding.status is Status.OK:
            patient.edges.append((edge, route))
            found.append(finding)
        else:
            lost.append(finding)
    if found and not lost:
        return found[0]
    if found:
        return warn(CHECK, lost[0].what, "the other edges are found", lost[0].hint)
    return lost[0]
