"""TLS to the edge: its chain and its name."""

from pgward.doctor import network
from pgward.doctor.finding import Finding, fail
from pgward.doctor.patient import Patient
from pgward.tunnel import preface
from pgward.tunnel.tls import tunnel_context

CHECK = "edge_tls"


def look(patient: Patient) -> Finding | None:
    """Do the handshake with the login certificate."""
    edge, route = patient.edge, patient.edge_route
    if edge is None or route is None:
        return None
    paths = patient.need_session().paths
    context = tunnel_context(paths.cert, paths.key, paths.ca)
    problem, tls = network.secure(CHECK, route, context, edge.server_name)
    if problem is not None or tls is None:
        return problem
    patient.opened(tls)
    if tls.selected_alpn_protocol() != preface.ALPN:
        return fail(
            CHECK,
            f"what answers at {edge.address} is no pgward edge",
            "it does not speak pgward/1: another program, or a balancer that ends TLS itself",
            "pgward services shows the edges; a balancer before them must pass TCP on",
        )
    patient.edge_tls = tls
    return network.secured(CHECK, route.peer, tls, patient.clock.now())
