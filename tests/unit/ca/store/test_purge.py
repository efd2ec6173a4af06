from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.event import listen

from pgward.ca.identity import devices, directory, sessions, step_ups, tokens
from pgward.ca.identity.devices import DeviceState
from pgward.ca.identity.directory import NewUser
from pgward.ca.identity.step_ups import StepUp
from pgward.ca.identity.tokens import JoinToken
from pgward.ca.store import schema, schema_login
from pgward.ca.store.purge import KEPT, purge
from pgward.core.errors import DeniedError
from tests.fixtures.authority import START
from tests.fixtures.sessions import new_session

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
EDGE = JoinToken.checked("edge", "e1", [], [])


def count(store, table):
    with store.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def add_tokens(store, number=1):
    """Add tokens for an hour, and return their secrets."""
    with store.write() as transaction:
        return [
            tokens.create(transaction, EDGE, lifetime=HOUR, now=START, by="root")[0]
            for _ in range(number)
        ]


def log_in(store, *, lifetime=HOUR):
    """Start a session of alice, and return it with its token."""
    with store.write() as transaction:
        alice = directory.find(transaction.connection, "alice") or directory.add(
            transaction, NewUser("alice"), now=START, by="root"
        )
        return sessions.start(transaction, new_session(alice, lifetime=lifetime), now=START)


def test_what_ended_long_ago_goes(store):
    log_in(store)
    add_tokens(store)
    assert purge(store, START + HOUR + KEPT + SECOND) == 2
    assert (count(store, schema.login_sessions), count(store, schema.join_tokens)) == (0, 0)


def test_a_step_up_goes_and_a_device_that_nobody_let_in(store):
    session, _ = log_in(store)
    with store.write() as transaction:
        for service, end in {"orders": START + HOUR, "stock": START + 2 * HOUR}.items():
            proof = StepUp("alice", service, session.id, "totp", START, end)
            step_ups.keep(transaction, proof)
        for number, state in enumerate(DeviceState):
            devices.see(
                *(transaction, "alice", f"jkt{number}"),
                name=state,
                client=None,
                now=START,
                state=state,
            )
    assert purge(store, START + KEPT) == 0
    assert purge(store, START + HOUR + KEPT + SECOND) == 3  # the session, too
    with store.read() as connection:
        assert connection.execute(sa.select(schema_login.step_ups.c.service)).all() == [("stock",)]
        left = {each.name for each in devices.of(connection, "alice")}
    assert left == {"approved", "revoked"}


def test_what_ended_lately_stays(store):
    log_in(store)
    add_tokens(store)
    assert purge(store, START + HOUR + KEPT) == 0
    assert (count(store, schema.login_sessions), count(store, schema.join_tokens)) == (1, 1)


def test_what_lives_goes_on(store):
    log_in(store)
    _, token = log_in(store, lifetime=KEPT + 3 * HOUR)
    later = START + KEPT + 2 * HOUR
    assert purge(store, later) == 1
    with store.read() as connection:
        assert sessions.find(connection, token, later).user.name == "alice"


def test_a_used_token_cannot_be_used_again_before_or_after(store):
    (secret,) = add_tokens(store)
    with store.write() as transaction:
        tokens.use(transaction, secret, START)
    for removed in (0, 1):
        with store.write() as transaction, pytest.raises(DeniedError, match="is not valid"):
            tokens.use(transaction, secret, START)
        assert purge(store, START + 30 * KEPT) == 1 - removed


def test_it_goes_in_small_steps(store):
    add_tokens(store, 5)
    later = START + 30 * KEPT
    assert [purge(store, later, batch=2) for _ in range(4)] == [2, 2, 1, 0]


def test_without_anything_to_remove_no_writer_is_kept_waiting(store, monkeypatch):
    add_tokens(store)
    monkeypatch.setattr(store, "write", pytest.fail)
    assert purge(store, START) == 0


def test_neither_audit_events_nor_certificates_ever_go(api):
    root = api.device("root")
    root.certificate()
    tables = (schema.audit_events, schema.certificates, schema.users, schema.crls)
    before = [count(api.store, table) for table in tables]
    assert all(before)
    assert purge(api.store, START + 1000 * KEPT) > 0
    assert [count(api.store, table) for table in tables] == before


def test_the_old_are_found_by_an_index(store):
    statements = []
    listen(store.engine, "before_cursor_execute", lambda *given: statements.append(given[2:4]))
    purge(store, START)
    with store.engine.connect() as connection:
        plans = [
            str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given).all())
            for text, given in statements
            if text.startswith("SELECT")
        ]
    assert len(plans) == 10
    assert [plan for plan in plans if "INDEX ix_" not in plan] == []
