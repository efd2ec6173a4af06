"""TLS to PostgreSQL itself, with the login certificate: its chain and its name."""

import ssl

from pgward.doctor import messages, network
from pgward.doctor.finding import Finding, fail, warn
from pgward.doctor.patient import Patient
from pgward.doctor.refusals import of_refusal
from pgward.doctor.wire import InnerTls
from pgward.tunnel.local.inner import inner_context
from pgward.tunnel.preface import RefusedError

CHECK = "postgresql_tls"


def look(patient: Patient) -> Finding | None:
    """Do the handshake as the service's sslMode says."""
    outer, mode = patient.upstream, patient.ssl_mode
    if outer is None or mode == "disable":
        return None
    context = inner_context(patient.need_session().paths, mode)
    inner = InnerTls(outer, context, patient.server_name)
    try:
        inner.handshake()
    except RefusedError as error:
        return of_refusal(CHECK, error)
    except ssl.SSLCertVerificationError as error:
        said = network.tls_text(error)
        meaning = messages.translate(said)
        return fail(
            CHECK,
            f"PostgreSQL did not prove that it is {patient.server_name}: {said}",
            meaning.meaning if meaning else "",
            "on the database host: pgward hba refresh gets it a certificate of this CA;"
            " do not go on without knowing why",
        )
    except (ssl.SSLError, OSError) as error:
        said = network.tls_text(error)
        meaning = messages.translate(said)
        return fail(
            CHECK,
            f"no TLS with PostgreSQL: {said}",
            meaning.meaning if meaning else "",
            meaning.hint if meaning else "see PostgreSQL's log",
        )
    patient.upstream = inner
    if mode == "require":
        return warn(
            CHECK,
            f"TLS holds ({inner.tls.version()}), but PostgreSQL is not checked (sslMode require)",
            "whoever is in between could be it",
            "set sslMode: verify-full in the service",
        )
    return network.secured(CHECK, "PostgreSQL", inner.tls, patient.clock.now())
