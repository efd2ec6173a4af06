from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca.identity import directory, sessions, step_ups
from pgward.ca.identity.sessions import NewSession
from pgward.ca.identity.step_ups import StepUp
from pgward.ca.store.schema import login_sessions
from tests.fixtures.authority import START

MINUTE = timedelta(minutes=1)


@pytest.fixture
def start(logins):
    def start(user="alice", hours=12):
        with logins.desk.store.write() as transaction:
            found = directory.get(transaction.connection, user)
            new = NewSession(found, "jkt", "password", None, timedelta(hours=hours))
            return sessions.start(transaction, new, now=logins.desk.now())[0].id

    return start


@pytest.fixture
def keep(logins):
    def keep(session, service="orders", user="alice", minutes=15):
        now = logins.desk.now()
        proof = StepUp(user, service, session, "totp", now, now + minutes * MINUTE)
        with logins.desk.store.write() as transaction:
            step_ups.keep(transaction, proof)
        return proof

    return keep


@pytest.fixture
def live(logins):
    def live(**wanted):
        with logins.desk.store.read() as connection:
            return step_ups.live(connection, logins.desk.now(), **wanted)

    return live


def test_what_was_proved_with_a_factor_that_is_gone_is_forgotten(logins, start, keep, live):
    mine, theirs = keep(start()), keep(start("root"), user="root")
    for factors, left in ((["webauthn"], [mine, theirs]), (["recovery", "totp"], [theirs])):
        before = logins.desk.store.version()
        with logins.desk.store.write() as transaction:
            step_ups.forget(transaction, "alice", factors)
        assert live() == left
        assert (logins.desk.store.version() > before) == (mine not in left)


def test_proofs_are_kept_by_person_and_service(start, keep, live):
    mine = start()
    proofs = [keep(mine, "billing"), keep(mine), keep(start("root"), user="root")]
    assert live() == proofs
    assert live(user="root") == proofs[2:]


def test_a_proof_counts_until_its_time_is_over(logins, start, keep, live):
    proof = keep(start())
    logins.desk.clock.move(minutes=15, microseconds=-1)
    assert live() == [proof]
    logins.desk.clock.move(microseconds=1)
    assert live() == []


def test_edges_hear_of_what_is_proved_and_of_what_goes_with_its_session(logins, start, keep, live):
    store, session = logins.desk.store, start()
    versions = [store.version()]
    keep(session)
    versions.append(store.version())
    with store.write() as transaction:
        sessions.end(transaction, "logout", now=logins.desk.now(), session_id=session)
    versions.append(store.version())
    assert versions == sorted(set(versions))
    assert live() == []


def test_a_session_without_proofs_ends_with_news_too_as_hosts_wait_for_the_same_version(
    logins, start
):
    store, session = logins.desk.store, start()
    before = store.version()
    with store.write() as transaction:
        sessions.end(transaction, "logout", now=logins.desk.now(), session_id=session)
    after = store.version()
    assert after > before
    with store.write() as transaction:  # nothing is left to end
        sessions.end(transaction, "logout", now=logins.desk.now(), session_id=session)
    assert store.version() == after


def test_another_session_keeps_what_was_proved_in_it(logins, start, keep, live):
    proof = keep(start())
    other = start()
    with logins.desk.store.write() as transaction:
        sessions.end(transaction, "logout", now=logins.desk.now(), session_id=other)
    assert live() == [proof]


def test_a_session_that_was_shortened_shortens_its_proofs(logins, start, keep, live):
    keep(start())
    end = logins.desk.now() + 5 * MINUTE
    with logins.desk.store.write() as transaction:
        transaction.execute(sa.update(login_sessions).values(expires_at=end))
    assert [proof.expires_at for proof in live()] == [end]


def test_a_blocked_persons_proofs_do_not_count(start, keep, live, change, logins):
    keep(start())
    change(directory.block, "alice", "left", now=logins.desk.now())
    assert live() == []


@pytest.mark.parametrize(
    ("minutes", "factors", "since", "until"),
    [
        (15, ["totp"], 0, 15),
        (5, ["totp"], 0, 5),
        (60, ["totp"], 0, 15),
        (15, ["webauthn"], 0, None),
        (15, ["totp"], 1, None),
        (1, ["totp"], 0, None),
    ],
)
def test_a_proof_is_measured_by_the_rule_of_today(minutes, factors, since, until):
    proved = START
    proof = StepUp("alice", "orders", "1", "totp", proved, proved + 15 * MINUTE)
    found = proof.until(minutes, factors, since=proved + since * MINUTE, now=proved + 2 * MINUTE)
    assert found == (None if until is None else proved + until * MINUTE)
