"""Variables that lead clients elsewhere, or show what they should not."""

from collections.abc import Mapping

from pgward.doctor.finding import Finding, ok, warn
from pgward.doctor.patient import Patient

CHECK = "environment"
_ELSEWHERE = "plain psql goes where it says"
_OTHER_FILES = "plain psql takes that file instead of your login certificate's"

# What each does to a client; `pgward psql` drops those of libpq that lead elsewhere.
_MEANS: Mapping[str, str] = {
    "PGHOST": _ELSEWHERE,
    "PGHOSTADDR": _ELSEWHERE,
    "PGPORT": _ELSEWHERE,
    "PGSERVICE": _ELSEWHERE,
    "PGSERVICEFILE": "libpq reads its services from there",
    "PGSSLCERT": _OTHER_FILES,
    "PGSSLKEY": _OTHER_FILES,
    "PGSSLROOTCERT": _OTHER_FILES,
    "PGSSLCRL": "every CA needs a current list in that file, or nobody is trusted",
    "PGSSLCRLDIR": "every CA needs a current list in that directory, or nobody is trusted",
    "PGUSER": "the database user must be the name in your certificate",
    "PGPASSWORD": "it is sent to whichever server asks for a password, and children can read it",
    "PGREQUIREPEER": "it is for local sockets only",
    "PGOPTIONS": "it is sent to the server with every connection",
    "SSLKEYLOGFILE": "the keys of TLS sessions are written there: who has the file reads all",
    "NODE_EXTRA_CA_CERTS": "Node.js trusts those CAs too: give it sslrootcert instead",
    "OPENSSL_CONF": "it may forbid keys and versions of TLS that the servers use",
}
# (name, values that harm, what they do)
_VALUES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("PGSSLMODE", ("disable",), "it turns TLS off: the servers refuse you"),
    ("PGSSLMODE", ("allow", "prefer", "require"), "the server is not checked"),
    ("PGREQUIRESSL", ("1",), "the server is not checked"),
    ("PGSSLCERTMODE", ("disable",), "no certificate is sent: the servers refuse you"),
    ("PGCHANNELBINDING", ("require",), "logins by certificate fail with it"),
    ("PGGSSENCMODE", ("require",), "it asks for Kerberos, which these servers do not speak"),
    ("PGSSLMAXPROTOCOLVERSION", ("TLSv1", "TLSv1.1"), "the servers want TLS 1.2 or later"),
    ("NODE_TLS_REJECT_UNAUTHORIZED", ("0",), "Node.js checks no server at all"),
    ("PYTHONHTTPSVERIFY", ("0",), "Python checks no server at all"),
)


def look(patient: Patient) -> Finding:
    """Name every variable that misleads; never a value."""
    found = list(misleading(patient.environ))
    if not found:
        return ok(CHECK, "no variable leads clients elsewhere")
    names = list(dict.fromkeys(name for name, _ in found))
    return warn(
        CHECK,
        f"set here: {', '.join(names)}",
        "; ".join(f"{name}: {what}" for name, what in found),
        f"unset {' '.join(names)} (pgward psql is not led by PGHOST, PGSERVICE and PGSSL…)",
    )


def misleading(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the names that mislead, each with what it does."""
    found = [(name, what) for name, what in _MEANS.items() if environ.get(name)]
    found += [(name, what) for name, values, what in _VALUES if environ.get(name, "") in values]
    return found
