"""One connector at a time works a server for an integration: an advisory lock says which.

Anyone who may connect to the database can take any advisory lock (manual, chapter 13.3.5), so what
another role holds does not count: nobody keeps a right longer by holding it.
"""

import hashlib
import logging
from dataclasses import dataclass
from typing import Any, Final, Literal

import psycopg

from pgward.connector.conninfo import application_name
from pgward.core.errors import ConflictError
from pgward.system.safe_text import clean

log = logging.getLogger("pgward.connector")

_TRIES: Final = 3
_HOLDS = """
select exists (select from pg_locks
                where locktype = 'advisory' and granted and pid = pg_backend_pid()
                  and database = (select oid from pg_database where datname = current_database())
                  and classid::bigint = %(high)s and objid::bigint = %(low)s and objsubid = 1)
"""
_HOLDER = """
select l.pid, textsend(a.usename::text), a.application_name,
       a.usename is not distinct from current_user
  from pg_locks l left join pg_stat_activity a on a.pid = l.pid
 where l.locktype = 'advisory' and l.granted and l.pid <> pg_backend_pid()
   and l.database = (select oid from pg_database where datname = current_database())
   and l.classid::bigint = %(high)s and l.objid::bigint = %(low)s and l.objsubid = 1
"""


class HeldError(ConflictError):
    """Another connector works the server for the same integration."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose session has the lock."""

    pid: int
    role: str | None
    application: str | None
    is_our_role: bool


Verdict = Literal["former", "stranger", "other"]


def judge(holder: Holder, connector: str) -> Verdict:
    """Tell whose a session is: a former one of ours, of another role, another connector's.

    No two processes serve one connector's directory: who has our name is what a crash left.
    """
    if not holder.is_our_role:
        return "stranger"
    return "former" if holder.application == application_name(connector) else "other"


def key(integration: str) -> int:
    """Return the number of an integration's lock, a signed one of 64 bits."""
    digest = hashlib.sha256(f"pgward access {integration}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def hold(connection: psycopg.Connection[Any], integration: str, connector: str) -> tuple[str, ...]:
    """Take the lock, or see that it is held; return what is odd about it.

    Raises HeldError, psycopg.Error.
    """
    number = key(integration)
    halves = {"high": (number >> 32) & 0xFFFFFFFF, "low": number & 0xFFFFFFFF}
    if _one(connection, _HOLDS, halves):
        return ()
    for _ in range(_TRIES):
        if _one(connection, "select pg_try_advisory_lock(%(key)s::bigint)", {"key": number}):
            return ()
        found = [
            Holder(pid, _text(role), *more)
            for pid, role, *more in connection.execute(_HOLDER, halves)
        ]
        for holder in found:
            verdict = judge(holder, connector)
            if verdict == "other":
                raise _held(holder)
            if verdict == "stranger":
                return (_note(holder),)
            log.warning("%s: ending what a former process of ours left", integration)
            connection.execute("select pg_terminate_backend(%s)", (holder.pid,))
    raise HeldError("the lock of this integration is held by a session that does not end")


def _one(connection: psycopg.Connection[Any], query: Any, values: dict[str, Any]) -> bool:
    row = connection.execute(query, values).fetchone()
    return row is not None and row[0] is True


def _text(name: bytes | None) -> str | None:
    """Return a role's name, which is UTF-8 only if it was made in a database that is."""
    return None if name is None else name.decode("utf-8", "backslashreplace")


def _held(holder: Holder) -> HeldError:
    who = clean(holder.application or "") or f"a session of {holder.role}"
    return HeldError(
        f"{who} (pid {holder.pid}) works this server for the same integration",
        hint="an integration has one connector: look which one the resource names",
    )


def _note(holder: Holder) -> str:
    role = "somebody" if holder.role is None else clean(holder.role)
    return (
        f"the role {role} (pid {holder.pid}) holds the advisory lock of this integration:"
        " it is not waited for"
    )
