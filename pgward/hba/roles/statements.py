"""SQL about roles. Every name is quoted, whatever it is; scripts run whole or not at all."""

from collections.abc import Iterable, Sequence

from pgward.hba.roles.facts import Mark
from pgward.hba.roles.section import Pair
from pgward.hba.server.quoting import identifier, literal

_PLAIN = "nosuperuser nocreatedb nocreaterole inherit noreplication nobypassrls"
_NAME_BYTES = 63  # NAMEDATALEN - 1: pg_stat_ssl cuts the subject there
_QUIET = "set client_min_messages to warning;\n"
PREAMBLE = (
    "set search_path to pg_catalog;\nset client_encoding to 'UTF8';\n"
    "set standard_conforming_strings to on;\n"
)
"""What comes first: no function of anybody's else, no second meaning of a backslash."""


def create(role: str, limit: int | None) -> str:
    """Make a role that can do nothing but log in."""
    return f"create role {identifier(role)} login {_PLAIN} connection limit {_limit(limit)};"


def alter(role: str, limit: int | None, *, superuser: bool) -> str:
    """Make a role of ours what it should be; a superuser's may stay one."""
    plain = _PLAIN if not superuser else _PLAIN.replace("nosuperuser ", "")
    return f"alter role {identifier(role)} login {plain} connection limit {_limit(limit)};"


def disable(role: str) -> str:
    """Let nobody log in as a role."""
    return f"alter role {identifier(role)} nologin;"


def drop(role: str) -> str:
    """Remove a role that nothing depends on; the server refuses otherwise."""
    return f"drop role {identifier(role)};"


def grant(group: str, role: str) -> str:
    """Make a role a member of another."""
    return f"grant {identifier(group)} to {identifier(role)};"


def revoke(group: str, role: str) -> str:
    """Take a role out of another."""
    return f"revoke {identifier(group)} from {identifier(role)};"


def mark(role: str, how: Mark) -> str:
    """Note that a role is ours."""
    return f"comment on role {identifier(role)} is {literal(how.text())};"


def transaction(statements: Sequence[str]) -> str:
    """Return a script that does all of it, or nothing."""
    body = "\n".join(statements)
    return f"{PREAMBLE}{_QUIET}begin;\nset local lock_timeout to '10s';\n{body}\ncommit;\n"


def end_sessions(pairs: Iterable[Pair], roles: Iterable[str], version: int) -> str:
    """Return a script that ends sessions, and prints each that was still there.

    ``pairs`` are sessions of a person's certificate as a role, ``roles`` all of a role.
    """
    subject = "clientdn" if version == 11 else "client_dn"  # noqa: PLR2004 - it was renamed in 12
    chosen = [f"({literal(role)}, {literal(_subject(person))})" for person, role in sorted(pairs)]
    whole = [literal(role) for role in sorted(roles)]
    which = []
    if chosen:
        # A name is cast to text: compared as names, what is longer would be cut.
        which.append(f"(a.usename::text, s.{subject}::text) in (values {', '.join(chosen)})")
    if whole:
        which.append(f"a.usename::text in ({', '.join(whole)})")
    return (
        PREAMBLE + "select a.pid || ' ' || pg_terminate_backend(a.pid) from pg_stat_activity a "  # noqa: S608 - all is quoted
        "left join pg_stat_ssl s on s.pid = a.pid where a.pid <> pg_backend_pid() and "
        f"({' or '.join(which) or 'false'});\n"
    )


def _subject(person: str) -> str:
    """Return a certificate's subject as pg_stat_ssl has it."""
    return f"/CN={person}"[:_NAME_BYTES]


def _limit(limit: int | None) -> int:
    return -1 if limit is None else limit
