"""Whether an integration's settings lead to a server that its connector can work."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import psycopg

from pgward.connector.assignment import ServerSettings
from pgward.connector.conninfo import VERIFYING
from pgward.connector.server import Server, said
from pgward.core.errors import PgwardError

Verdict = Literal["ok", "warning", "problem"]
_FACTS: Final = """
select json_build_object(
  'version', current_setting('server_version'),
  'recovery', pg_is_in_recovery(),
  'user', current_user::text,
  'super', r.rolsuper, 'createrole', r.rolcreaterole,
  'tls', (select s.version from pg_stat_ssl s where s.pid = pg_backend_pid() and s.ssl),
  'heir', (select json_build_object('there', h.oid is not null,
             'member', h.oid is not null and pg_has_role(r.oid, h.oid, 'member'))
             from (select %(heir)s::text as name) w
             left join pg_roles h on h.rolname = w.name where w.name is not null))
from pg_roles r where r.rolname = current_user
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    integration: str
    what: str
    verdict: Verdict
    text: str
    hint: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as data."""
        return {
            "integration": self.integration,
            "check": self.what,
            "verdict": self.verdict,
            "text": self.text,
            "hint": self.hint,
        }


def check(
    name: str, settings: ServerSettings, server: Server, *, heir: str | None
) -> list[Finding]:
    """Connect, and look; nothing is changed."""
    try:
        with server.connect() as connection:
            facts = _facts(connection, heir)
    except PgwardError as error:
        return [Finding(name, "connection", "problem", error.message, error.hint)]
    except psycopg.Error as error:
        return [Finding(name, "connection", "problem", said(error))]
    return list(_judge(name, settings, facts, heir))


def _facts(connection: psycopg.Connection[Any], heir: str | None) -> dict[str, Any]:
    row = connection.execute(_FACTS, {"heir": heir}).fetchone()
    found: dict[str, Any] = {} if row is None else row[0]
    return found


def _judge(
    name: str, settings: ServerSettings, facts: dict[str, Any], heir: str | None
) -> Iterator[Finding]:
    user = facts.get("user")
    yield Finding(
        name,
        "connection",
        "ok",
        f"PostgreSQL {facts.get('version')} at {settings.address} takes {user}",
    )
    yield _tls(name, settings, facts.get("tls"))
    if facts.get("recovery"):
        yield Finding(
            name,
            "primary",
            "problem",
            "it is a standby, which takes no changes",
            "name the primary, or what always leads there, as the host",
        )
    yield _rights(name, facts)
    if heir is not None:
        yield _heir(name, str(user), heir, facts.get("heir") or {})


def _tls(name: str, settings: ServerSettings, version: str | None) -> Finding:
    if version is None:
        local = settings.host.startswith("/")
        return Finding(
            name,
            "tls",
            "ok" if local else "warning",
            "a Unix socket needs no TLS" if local else "the connection is in clear text",
            None if local else "sslMode: verify-full",
        )
    if settings.ssl_mode not in VERIFYING:
        return Finding(
            name,
            "tls",
            "warning",
            f"{version}, and nobody knows who answers: sslMode is {settings.ssl_mode}",
            "sslMode: verify-full",
        )
    return Finding(name, "tls", "ok", f"{version}, {settings.ssl_mode}")


def _rights(name: str, facts: dict[str, Any]) -> Finding:
    user = facts.get("user")
    if facts.get("super"):
        return Finding(
            name,
            "rights",
            "warning",
            f"{user} is a superuser: far less will do",
            "pgward connector set-up prints what an account needs",
        )
    if not facts.get("createrole"):
        return Finding(
            name,
            "rights",
            "problem",
            f"{user} may make no roles",
            "pgward connector set-up prints what an account needs",
        )
    return Finding(name, "rights", "ok", f"{user} may make roles")


def _heir(name: str, user: str, heir: str, found: dict[str, Any]) -> Finding:
    if not found.get("there"):
        return Finding(
            name, "reassignTo", "problem", f"there is no role {heir}", "make it, or name another"
        )
    if not found.get("member"):
        return Finding(
            name,
            "reassignTo",
            "problem",
            f"{user} is no member of {heir}, and can give it nothing",
            "pgward connector set-up --reassign-to prints the GRANT",
        )
    return Finding(name, "reassignTo", "ok", f"{user} can hand over to {heir}")


def worst(findings: Sequence[Finding]) -> Verdict:
    """Return the worst verdict."""
    verdicts = {each.verdict for each in findings}
    for each in ("problem", "warning"):
        if each in verdicts:
            return "problem" if each == "problem" else "warning"
    return "ok"
