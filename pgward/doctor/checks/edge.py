"""The edge lets this person use the service: certificate, lists, policy, limits."""

import ssl

from pgward.doctor.finding import Finding, fail, ok
from pgward.doctor.patient import Patient
from pgward.doctor.refusals import of_refusal
from pgward.doctor.wire import LinkTransport
from pgward.tunnel import preface
from pgward.tunnel.preface import MAX_LINE, PrefaceError, RefusedError
from pgward.tunnel.tls import explain

CHECK = "edge"


def look(patient: Patient) -> Finding | None:
    """Name the service as a tunnel does, and hear what the edge says."""
    tls, service, edge = patient.edge_tls, patient.service, patient.edge
    if tls is None or service is None or edge is None:
        return None
    try:
        tls.sendall(preface.request(service.name))
        line = tls.recv(MAX_LINE + 1)
        if not line:
            return fail(
                CHECK,
                f"the edge {edge.name} ended the connection without a word",
                "it stops just now, or something in between cuts TLS connections",
                "try again; look at the edge's log",
            )
        controls = preface.read_answer(line)
    except (ssl.SSLError, OSError) as error:
        return of_refusal(CHECK, explain(error, str(edge.address)), str(error))
    except (RefusedError, PrefaceError) as error:
        return of_refusal(CHECK, error)
    patient.upstream = LinkTransport(tls, controls)
    return ok(CHECK, f"the edge {edge.name} lets you use {service.name}")
