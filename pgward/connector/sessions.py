"""End the sessions of roles of ours, and see that they are gone.

The connector's account needs no pg_signal_backend for it, which would let it end anybody's: it is
a member of its own role for the one transaction (manual, chapter 9.28.2).
"""

import time
from collections.abc import Mapping
from typing import Any, Final

import psycopg

from pgward.access import statements
from pgward.access.facts import Server
from pgward.access.quoting import is_text
from pgward.connector.rooms import Rooms, said, text

END_SECONDS: Final = 4.0
_POLL_SECONDS: Final = 0.02

# What a member may not see of a session (before it is one) is null: such a one is ended.
_END: Final = """
select a.pid, a.usename::text, pg_terminate_backend(a.pid) from pg_stat_activity a
 where a.pid <> pg_backend_pid()
   and (a.usename::text = any(%(every)s)
        or a.usename::text = any(%(busy)s)
           and (a.xact_start is not null or a.state is null))
"""
_THERE: Final = """
select a.pid from pg_stat_activity a
 where a.pid = any(%(pids)s) and a.usename::text = any(%(roles)s)
"""


def end_sessions(
    rooms: Rooms, server: Server, ends: Mapping[str, bool]
) -> tuple[dict[str, int], dict[str, str]]:
    """End all sessions of the roles that map to True, and of the others those in a transaction.

    Returns how many ended of each role, and the roles whose sessions are still there, and why.
    """
    nameless = {role: "its name is no UTF-8" for role in ends if not is_text(role)}
    ended, refused = _named(
        rooms, server, {role: every for role, every in ends.items() if role not in nameless}
    )
    return ended, nameless | refused


def _named(
    rooms: Rooms, server: Server, ends: Mapping[str, bool]
) -> tuple[dict[str, int], dict[str, str]]:
    try:
        return _end(rooms, server, ends)
    except psycopg.Error as error:
        rooms.check(None, error)
        if len(ends) == 1:
            return {}, dict.fromkeys(ends, said(error))
    ended: dict[str, int] = {}
    refused: dict[str, str] = {}
    for role, every in ends.items():
        counted, left = _named(rooms, server, {role: every})
        ended.update(counted)
        refused.update(left)
    return ended, refused


def _end(
    rooms: Rooms, server: Server, ends: Mapping[str, bool]
) -> tuple[dict[str, int], dict[str, str]]:
    connection = rooms.enter()
    seen: dict[int, str] = {}
    deadline = time.monotonic() + END_SECONDS
    while found := _signal(connection, server, ends):
        seen |= found
        left = _wait(connection, found, deadline)
        if left:
            why = f"sessions do not end (process {min(left)})"
            return _counted(seen), {seen[pid]: why for pid in left}
        if time.monotonic() >= deadline:
            return _counted(seen), dict.fromkeys(found.values(), "sessions begin again and again")
    return _counted(seen), {}


def _signal(
    connection: psycopg.Connection[Any], server: Server, ends: Mapping[str, bool]
) -> dict[int, str]:
    borrowed = [role for role in ends if role in server.roles and not server.roles[role].usage]
    parameters = {
        "every": [role for role, every in ends.items() if every],
        "busy": [role for role, every in ends.items() if not every],
    }
    with connection.transaction():
        for role in borrowed:
            connection.execute(statements.borrow(role, server.user, server.version).text.encode())
        rows = connection.execute(_END.encode(), parameters).fetchall()
        for role in borrowed:
            connection.execute(statements.give_back(role, server.user).text.encode())
    return {pid: text(role) for pid, role, _ in rows}


def _wait(
    connection: psycopg.Connection[Any], found: Mapping[int, str], deadline: float
) -> set[int]:
    """Return the processes that are there at the deadline, still."""
    parameters = {"pids": list(found), "roles": sorted(set(found.values()))}
    while left := {pid for (pid,) in connection.execute(_THERE.encode(), parameters)}:
        if time.monotonic() >= deadline:
            return left
        time.sleep(_POLL_SECONDS)  # before 14 nobody can wait for it at the server
    return set()


def _counted(seen: Mapping[int, str]) -> dict[str, int]:
    roles = list(seen.values())
    return {role: roles.count(role) for role in sorted(set(roles))}
