"""The agent, if one runs: it answers, and is of this version."""

from pgward import __version__
from pgward.core.errors import PgwardError
from pgward.doctor.finding import Finding, of_error, ok, warn
from pgward.doctor.patient import Patient
from pgward.tunnel.agent import client

CHECK = "agent"


def look(patient: Patient) -> Finding | None:
    """Ask it how it is; nothing to say when none runs."""
    try:
        there = client.running(patient.home.directory)
    except PgwardError as error:
        return of_error(CHECK, error, "pgward connect and psql wait for it, and so do its tunnels")
    if there is None:
        return None
    told = f"the agent runs (process {there['pid']}, since {there['started_at']})"
    if there["version"] != __version__:
        return warn(
            CHECK,
            f"{told}, of pgward {there['version']}",
            f"this is pgward {__version__}: it was updated while the agent ran",
            "pgward agent stop, then pgward agent start; its tunnels are opened again",
        )
    return ok(CHECK, told)
