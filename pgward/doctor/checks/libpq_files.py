"""Files in a person's own directory that libpq takes by itself (manual, chapter 34.19)."""

import stat

from pgward.doctor.finding import Finding, warn
from pgward.doctor.patient import Patient

CHECK = "libpq_files"


def look(patient: Patient) -> Finding | None:
    """Tell of lists and roots that libpq uses unasked, and of a password file that it ignores."""
    told = []
    directory = patient.user_home / ".postgresql"
    if (directory / "root.crl").exists():
        told.append(
            f"{directory / 'root.crl'}: plain psql then wants a current revocation list of every"
            " CA, or trusts no server"
        )
    if (directory / "postgresql.crt").exists():
        told.append(f"{directory / 'postgresql.crt'}: plain psql shows it when no sslcert is set")
    passwords = patient.user_home / ".pgpass"
    if passwords.exists() and stat.S_IMODE(passwords.stat().st_mode) & 0o077:
        told.append(f"{passwords}: libpq ignores it, as others may read it")
    if not told:
        return None
    return warn(
        CHECK,
        "libpq finds files of its own",
        "; ".join(told),
        "pgward psql names its own files; move these away if other clients fail",
    )
