"""The login certificate: whole, with its key, and alive."""

from cryptography import x509

from pgward.client.phrases import when
from pgward.core.clock import rfc3339
from pgward.doctor.finding import Finding, fail, ok, warn
from pgward.doctor.patient import Patient
from pgward.pki import keys, pem
from pgward.pki.errors import BadCertificateError, BadKeyError

CHECK = "certificate"
_AGAIN = "pgward logout, then pgward login"


def look(patient: Patient) -> Finding:
    """See that certificate and key are a pair, and until when it holds."""
    session, now = patient.need_session(), patient.clock.now()
    paths = session.paths
    try:
        leaf = pem.split(paths.cert.read_bytes())[0]
        key = keys.from_pem(paths.key.read_bytes(), None)
    except OSError as error:
        return fail(CHECK, f"cannot read {error.filename}: {error.strerror}", hint=_AGAIN)
    except (BadCertificateError, BadKeyError) as error:
        return fail(CHECK, f"it is damaged: {error.message}", hint=_AGAIN)
    if keys.spki(leaf.public_key()) != keys.spki(key.public_key()):
        return fail(CHECK, "the certificate and the key do not belong together", hint=_AGAIN)
    ends = leaf.not_valid_after_utc
    if leaf.not_valid_before_utc > now:
        return fail(
            CHECK,
            f"it is not valid before {rfc3339(leaf.not_valid_before_utc)}",
            "this machine's clock is behind",
            "set the clock (for example with NTP)",
        )
    if ends <= now:
        return warn(
            CHECK,
            f"it ended {when(ends, now)} ({rfc3339(ends)})",
            "plain psql would be refused with it; the next use of pgward renews it",
            "pgward connect keeps it renewed",
        )
    return ok(CHECK, f"{_name(leaf)}, ends {when(ends, now)} ({rfc3339(ends)})")


def _name(leaf: x509.Certificate) -> str:
    return leaf.subject.rfc4514_string()
