"""Npgsql, for .NET. Like pgjdbc it verifies the name that it connects to."""

from pgward.client.config.facts import Facts
from pgward.client.config.formats.jvm import sslmode
from pgward.client.config.quoting import ado

_MODES = {
    "disable": "Disable",
    "allow": "Allow",
    "prefer": "Prefer",
    "require": "Require",
    "verify-ca": "VerifyCA",
    "verify-full": "VerifyFull",
}


def npgsql(facts: Facts) -> str:
    """Return a connection string for Npgsql 6 and newer, which read PEM keys."""
    found = {
        "Host": facts.target,
        "Port": str(facts.port),
        "Username": facts.user,
        "Database": facts.database,
        "SSL Mode": _MODES[sslmode(facts)],
    }
    if facts.shows_certificate:
        found |= {"SSL Certificate": facts.cert, "SSL Key": facts.key}
    if facts.verifies:
        found["Root Certificate"] = facts.ca
    return ";".join(f"{key}={ado(value)}" for key, value in found.items())
