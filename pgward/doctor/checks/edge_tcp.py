"""A TCP connection to an edge."""

from pgward.doctor import network
from pgward.doctor.finding import Finding, Status, warn
from pgward.doctor.patient import Patient

CHECK = "edge_tcp"


def look(patient: Patient) -> Finding | None:
    """Connect to the first edge that answers; that one is looked at further."""
    if not patient.edges:
        return None
    away: list[Finding] = []
    for edge, route in patient.edges:
        finding = network.connect(CHECK, route, patient.seconds / len(patient.edges))
        if finding.status is Status.FAIL:
            away.append(finding)
            continue
        patient.edge, patient.edge_route = edge, route
        if route.sock is not None:
            patient.opened(route.sock)
        if away:
            return warn(CHECK, away[0].what, f"{edge.name} answers instead", away[0].hint)
        return finding
    return away[0]
