"""A connector ends sessions at PostgreSQL before their edge does: people read the edge's words.

``pg_terminate_backend`` is the connector's way; here a test calls it, and the grant ends behind it.
"""

from collections.abc import Callable

import psycopg
import pytest
from psycopg import pq

from tests.fixtures.edge_process import eventually
from tests.fixtures.store_grants import StoreGrants
from tests.integration.aware.test_completeness import straight

pytestmark = pytest.mark.integration

RESTING = {pq.TransactionStatus.IDLE, pq.TransactionStatus.INTRANS}
Doing = Callable[[pq.abc.PGconn], None]


def idle(_session: pq.abc.PGconn) -> None:
    """Do nothing."""


def in_a_transaction(session: pq.abc.PGconn) -> None:
    session.exec_(b"begin")
    session.exec_(b"select 1")


def in_a_statement(session: pq.abc.PGconn) -> None:
    session.send_query(b"select pg_sleep(60)")


def in_rows(session: pq.abc.PGconn) -> None:
    """Read slower than PostgreSQL writes."""
    session.send_query(b"select repeat('x', 1000) from generate_series(1, 1000000)")


def in_copy_out(session: pq.abc.PGconn) -> None:
    session.send_query(
        b"copy (select i, pg_sleep(0.01) from generate_series(1, 100000) i) to stdout"
    )


def in_copy_in(session: pq.abc.PGconn) -> None:
    session.exec_(b"create temp table filled (t text)")
    session.exec_(b"copy filled from stdin")
    session.put_copy_data(b"one\n" * 100_000)
    session.flush()


def in_a_pipeline(session: pq.abc.PGconn) -> None:
    session.enter_pipeline_mode()
    for _ in range(3):
        session.send_query_params(b"select pg_sleep(20)", [])
    session.pipeline_sync()
    session.flush()


def last_words(session: pq.abc.PGconn) -> tuple[str | None, str]:
    """Read to the end; return SQLSTATE and message of what was said last."""
    code, said = None, ""
    if session.transaction_status in RESTING:
        session.send_query(b"select 1")
    while session.status == pq.ConnStatus.OK:
        try:
            result = session.get_result()
            if result is not None and result.status == pq.ExecStatus.COPY_OUT:
                while session.get_copy_data(0)[0] > 0:
                    pass
            elif result is not None and result.status == pq.ExecStatus.COPY_IN:
                session.put_copy_end()
        except psycopg.OperationalError:  # it is gone, which its status tells
            continue
        if result is not None and result.error_message and not code:
            code = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
            said = result.error_message.decode()
    return code, said


@pytest.fixture
def landing(stack):
    """Return a person, where to connect, and a grant's id: people land as their access role."""
    person = stack.person("analysts")
    service = stack.aware(
        postgres={
            "user": {"fromGrant": True},
            "auth": {"certificate": {"minutes": 5}},
            "sslMode": "verify-full",
            "serverName": "db1.test",
        }
    )
    granting = StoreGrants(stack.site)
    granted = granting.give(person, service.name, seconds=600, role=person.name)
    where = straight(person, stack.edge, service.name)

    def lets_in() -> bool:
        return pq.PGconn.ping(where.encode()) == pq.Ping.OK and connected(where) is not None

    eventually(lets_in)
    return person, service.name, where, lambda: granting.change(granted, state="ending")


def connected(where: str) -> pq.abc.PGconn | None:
    made = pq.PGconn.connect(where.encode())
    return made if made.status == pq.ConnStatus.OK else None


def test_whoever_is_ended_at_the_server_first_reads_why(stack, landing):
    person, service, where, ends = landing
    doings = (idle, in_a_transaction, in_a_statement, in_rows, in_copy_out, in_copy_in)
    sessions = {doing: connected(where) for doing in (*doings, in_a_pipeline)}
    for doing, session in sessions.items():
        doing(session)
    theirs = f"from pg_stat_activity where usename = '{person.name}'"
    busy = f"select count(*) {theirs} and query ~ 'pg_sleep|repeat|copy filled'"
    eventually(lambda: stack.cluster.psql(busy) == "5")
    stack.cluster.psql(f"select pg_terminate_backend(pid) {theirs}")
    ends()
    found = {doing.__name__: last_words(session) for doing, session in sessions.items()}
    assert {name: code for name, (code, _) in found.items()} == dict.fromkeys(found, "57P01")
    for name, (_, said) in found.items():
        assert f"your access to {service} has ended" in said, name
        assert f"pgward request {service}" in said, name
