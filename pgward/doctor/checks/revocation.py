"""The CA's revocation lists: current, and without our certificate."""

from pgward.client.phrases import when
from pgward.core.clock import parse_rfc3339, rfc3339
from pgward.core.errors import PgwardError
from pgward.doctor.finding import Finding, fail, ok, warn
from pgward.doctor.patient import Patient
from pgward.pki import crl
from pgward.pki.errors import BadCertificateError

CHECK = "revocation"


def look(patient: Patient) -> Finding:
    """Look at the lists of the user CAs, which edges and PostgreSQL check people by."""
    session, now = patient.need_session(), patient.clock.now()
    client = session.api()
    try:
        lists = [each for each in client.get("/v1/crls")["crls"] if "user" in str(each["name"])]
        ends = {str(each["name"]): parse_rfc3339(each["next_update"]) for each in lists}
        held = [crl.read(client.get_bytes(f"/v1/crls/{name}.crl")) for name in ends]
    except (PgwardError, BadCertificateError, KeyError, ValueError, TypeError) as error:
        told = error.message if isinstance(error, PgwardError) else "an answer without sense"
        return warn(CHECK, f"the lists cannot be read: {told}")
    over = [f"{name} ended {when(end, now)}" for name, end in ends.items() if end <= now]
    if over:
        return fail(
            CHECK,
            f"a revocation list is out of date: {', '.join(over)}",
            "edges and PostgreSQL let nobody in with it (PostgreSQL says: unknown ca)",
            "tell an administrator of the CA: pgward ca crl status",
        )
    serial = int(session.state.serial, 16)
    if any(each.get_revoked_certificate_by_serial_number(serial) for each in held):
        return fail(
            CHECK,
            "your certificate is revoked",
            "it stands on the CA's list",
            "pgward login gets another one, unless your account is blocked",
        )
    first = min(ends.values(), default=now)
    return ok(CHECK, f"the lists are current until {rfc3339(first)}, and yours is not on them")
