"""psql on this machine, and what its version cannot do."""

import re
import shutil
import subprocess

from pgward.doctor.finding import Finding, ok, warn
from pgward.doctor.network import is_address
from pgward.doctor.patient import Patient

CHECK = "clients"
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_SECONDS = 5
OLDEST = 12
IP_NAMES = 15


def look(patient: Patient) -> Finding:
    """Find psql and its version."""
    program = shutil.which("psql", path=patient.environ.get("PATH"))
    if program is None:
        return warn(
            CHECK,
            "psql is not on PATH",
            "pgward psql needs it; other clients do not",
            "install the PostgreSQL client programs",
        )
    try:
        done = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return warn(CHECK, f"{program} cannot be run ({type(error).__name__})")
    found = _VERSION.search(done.stdout)
    if found is None:
        return warn(CHECK, f"{program} does not tell its version")
    return judged(program, int(found[1]), patient.server_name)


def judged(program: str, version: int, server_name: str) -> Finding:
    """Tell what a version of psql is too old for."""
    told = f"{program} is of PostgreSQL {version}"
    if version < OLDEST:
        return warn(
            CHECK,
            told,
            f"pgward is tested with {OLDEST} and later",
            "install newer PostgreSQL client programs",
        )
    if version < IP_NAMES and is_address(server_name):
        return warn(
            CHECK,
            told,
            f"before {IP_NAMES} libpq does not find addresses in certificates, and the service's"
            f" serverName is {server_name}",
            "give the service a name as serverName, or install newer client programs",
        )
    return ok(CHECK, told)
