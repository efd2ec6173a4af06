"""Sessions that run while their service changes, at a real edge in front of a real PostgreSQL."""

import contextlib
import queue
import threading
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


@pytest.mark.soak
def test_whoever_is_sending_just_then_hears_why(stack):
    """Each is in the middle of a statement of some megabytes, whose rest nobody reads."""
    person = stack.person("analysts")
    service = stack.aware(person)
    token = person.data("token", service.name)
    large = "x" * 4_000_000

    def talk(conninfo: str, heard: queue.Queue[Exception], begun: threading.Semaphore) -> None:
        with contextlib.suppress(psycopg.Error), psycopg.connect(conninfo) as session:
            try:
                while True:
                    session.execute("select length(%s)", (large,))
                    begun.release()
            except psycopg.Error as error:
                heard.put(error)

    with stack.tunnel(person, service.name) as tunnel:
        direct = psycopg.conninfo.make_conninfo(token["uri"], password=token["password"])
        heard: queue.Queue[Exception] = queue.Queue()
        begun = threading.Semaphore(0)
        ways = [tunnel.conninfo, direct] * 3
        threads = [threading.Thread(target=talk, args=(way, heard, begun)) for way in ways]
        for each in threads:
            each.start()
        for _ in range(3 * len(ways)):
            assert begun.acquire(timeout=30)
        change(stack, service.name, policy={"rules": [NOBODY]})
        for each in threads:
            each.join(timeout=10)  # not only at the next sweep
    said = [heard.get_nowait() for _ in ways]
    assert [type(each) for each in said] == [psycopg.errors.AdminShutdown] * len(ways), said
    assert all("closed" in str(each) for each in said)


@pytest.mark.soak
def test_whoever_is_reading_just_then_hears_why(stack):
    """Each is in the middle of a row of some kilobytes, of an answer without an end."""
    person = stack.person("analysts")
    service = stack.aware(person, postgres={"sslMode": "require"})
    token = person.data("token", service.name)
    endless = "copy (select repeat('x', 5000) from generate_series(1, 100000000)) to stdout"
    heard: queue.Queue[Exception] = queue.Queue()
    begun, changing = threading.Semaphore(0), threading.Event()

    def read(conninfo: str) -> None:
        with contextlib.suppress(psycopg.Error), psycopg.connect(conninfo) as session:
            try:
                with session.cursor().copy(endless) as copy:
                    for number, _ in enumerate(copy):
                        if number == 1000:
                            begun.release()
                            changing.wait(30)
            except psycopg.Error as error:
                heard.put(error)

    with stack.tunnel(person, service.name) as tunnel:
        direct = psycopg.conninfo.make_conninfo(token["uri"], password=token["password"])
        ways = [tunnel.conninfo, direct]
        threads = [threading.Thread(target=read, args=(way,)) for way in ways]
        for each in threads:
            each.start()
        for _ in ways:
            assert begun.acquire(timeout=30)
        changing.set()
        change(stack, service.name, policy={"rules": [NOBODY]})
        for each in threads:
            each.join(timeout=30)
    said = [heard.get_nowait() for _ in ways]
    assert [type(each) for each in said] == [psycopg.errors.AdminShutdown] * len(ways), said
    assert all("closed" in str(each) for each in said)
