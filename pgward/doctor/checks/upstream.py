"""PostgreSQL answers at all: through the edge, or at its own address."""

import ssl

from pgward.core.address import Address
from pgward.doctor import messages, network
from pgward.doctor.finding import Finding, Status, fail, ok
from pgward.doctor.network import Route
from pgward.doctor.patient import Patient
from pgward.doctor.refusals import of_refusal
from pgward.doctor.wire import Plain, Transport, ask_for_tls
from pgward.pgwire.errors import WireError
from pgward.tunnel.preface import RefusedError

CHECK = "upstream"
EDGE_DIALS = 11.0  # the edge itself tries for ten seconds


def look(patient: Patient) -> Finding | None:
    """Ask PostgreSQL for TLS."""
    problem = None if patient.direct is None else _dial(patient, patient.direct)
    if problem is not None or patient.upstream is None:
        return problem
    if patient.edge_tls is not None:
        patient.edge_tls.settimeout(EDGE_DIALS)
    if patient.is_aware:
        return ok(
            CHECK, "the edge speaks PostgreSQL itself (mode: postgres), inside the link's TLS"
        )
    if patient.ssl_mode == "disable":
        return ok(CHECK, "sslMode is disable: PostgreSQL is asked without TLS of its own")
    return _asked(patient.upstream)


def _asked(transport: Transport) -> Finding:
    try:
        speaks_tls, said = ask_for_tls(transport)
    except RefusedError as error:
        return of_refusal(CHECK, error)
    except WireError as error:
        return _explained(error.message)
    except (ssl.SSLError, OSError) as error:
        return _explained(network.tls_text(error))
    if not speaks_tls:
        return _explained(said or "server does not support SSL")
    return ok(CHECK, "PostgreSQL answers, and speaks TLS")


def _dial(patient: Patient, address: Address) -> Finding | None:
    route = Route("PostgreSQL", address)
    for finding in (
        network.look_up(CHECK, route),
        network.connect(CHECK, route, patient.seconds) if route.resolved else None,
    ):
        if finding is not None and finding.status is Status.FAIL:
            return finding
    if route.sock is not None:
        patient.opened(route.sock)
        patient.upstream = Plain(route.sock)
    return None


def _explained(said: str) -> Finding:
    meaning = messages.translate(said)
    return fail(
        CHECK,
        f"PostgreSQL does not begin: {said}",
        meaning.meaning if meaning else "",
        meaning.hint if meaning else "ask whoever runs the service",
    )
