"""Sessions that run while their service changes, at a real edge in front of a real PostgreSQL."""

from typing import Any

import psycopg
import pytest

from tests.fixtures.waiting import eventually

pytestmark = pytest.mark.integration

READS = {
    "name": "reads",
    "effect": "DENY",
    "on": "statement",
    "condition": "!ctx.request.postgres.statement.reads",
    "reason": "nothing is written here now",
}
NOBODY = {"name": "nobody", "effect": "DENY", "condition": "true", "reason": "closed"}


def change(stack, name: str, **postgres: Any) -> None:
    """Put the service with another block ``postgres``."""
    path = f"/v1/resources/service/{name}"
    found = stack.site.api.get(path)["resource"]
    spec = found["spec"] | {"postgres": found["spec"]["postgres"] | postgres}
    body = {"kind": "Service", "metadata": {"name": name}, "spec": spec}
    stack.site.api.put(path, body)


def test_what_changes_counts_for_sessions_that_run(stack):
    person = stack.person("analysts")
    service = stack.aware(person)

    def is_ruled(session: psycopg.Connection) -> bool:
        try:
            session.execute("create temp table ruled ()")
            session.execute("drop table ruled")
        except psycopg.errors.InsufficientPrivilege as error:
            return "nothing is written here now" in str(error)
        return False

    with stack.tunnel(person, service.name) as tunnel:
        with psycopg.connect(tunnel.conninfo, autocommit=True) as session:
            change(stack, service.name, policy={"rules": [READS], "connect": {"default": "ALLOW"}})
            with pytest.raises(psycopg.errors.AdminShutdown, match="has other rules"):
                eventually(lambda: is_ruled(session) and not session.execute("select 1"))
        with psycopg.connect(tunnel.conninfo, autocommit=True) as session:
            assert is_ruled(session)
            change(stack, service.name, policy={"connect": {"default": "ALLOW"}})
            eventually(lambda: not is_ruled(session))
            change(stack, service.name, policy={"rules": [NOBODY]})
            with pytest.raises(psycopg.errors.AdminShutdown, match="closed"):
                eventually(lambda: not session.execute("select 1"))
