from datetime import timedelta

import pytest

from pgward.ca.identity import standings
from pgward.ca.identity.standings import (
    ENDED_WHY,
    GONE_WHY,
    MAYBE_WHY,
    REVOKED_WHY,
    Began,
    CertificateStanding,
)
from tests.fixtures.authority import START

LIFE = timedelta(hours=1)


@pytest.fixture
def ask(store, api):
    """How certificates stand, by their serial numbers."""

    def ask(*serials):
        with store.read() as connection:
            found = standings.of_certificates(connection, serials, api.clock.now())
        return {each.serial: each.over for each in found}

    return ask


@pytest.fixture
def people(store, api):
    """How sessions stand that began at a time, by the person; now unless told otherwise."""

    def ask(*names, at=None):
        sessions = [Began(name, at or api.clock.now()) for name in names]
        with store.read() as connection:
            found = standings.of_sessions(connection, sessions, api.clock.now())
        return dict(zip(names, found, strict=True))

    return ask


def test_a_certificate_of_a_session_that_lives_may_go_on(alice, store):
    serial = alice.certificate()["serial"]
    with store.read() as connection:
        assert standings.of_certificates(connection, [serial], START) == [
            CertificateStanding(serial, START + LIFE, None)
        ]


def test_what_is_not_known_here_is_left_out(alice, ask, people, edge):
    """Another CA's certificates are its own affair, and so are machines' here."""
    alice.certificate()
    machine = f"{edge.chain[0].serial_number:x}"
    assert ask("ffff", machine) == {}
    assert people("bob", "root", "e1") == {"bob": None, "root": None, "e1": None}


def test_a_certificate_that_has_expired_may_go_on_while_nobody_ends_anything(api, alice, ask):
    serial = alice.certificate()["serial"]
    api.clock.move(hours=20)
    assert ask(serial) == {serial: None}


@pytest.mark.parametrize("hours", [0, 2])
def test_a_session_that_was_ended_takes_its_certificates_with_it(api, alice, ask, people, hours):
    """Those that have expired, too, which no revocation list names."""
    serial = alice.certificate()["serial"]
    began = api.clock.now()
    api.clock.move(hours=hours)
    assert alice.call("POST", "/v1/logout").status_code == 200
    assert ask(serial) == {serial: ENDED_WHY if hours else REVOKED_WHY}
    assert people("alice", at=began) == {"alice": ENDED_WHY}


def test_one_ended_session_of_two_ends_its_own_certificates_only(api, alice, ask, people):
    other = api.device("alice")
    first, second = alice.certificate()["serial"], other.certificate()["serial"]
    alice.call("POST", "/v1/logout")
    assert ask(first, second) == {first: REVOKED_WHY, second: None}
    assert people("alice") == {"alice": None}


def revoke(admin, serial):
    answer = admin.call("POST", f"/v1/certificates/{serial}/revoke", {"reason": "keyCompromise"})
    assert answer.status_code == 200, answer.text


def test_without_a_number_one_revoked_by_itself_may_be_the_one(api, admin, alice, people):
    """Though its owner has another, and stays logged in with both."""
    before = api.clock.now()
    stolen = alice.certificate()["serial"]
    api.device("alice").certificate()
    assert people("alice") == {"alice": None}
    revoke(admin, stolen)
    assert people("alice") == {"alice": MAYBE_WHY}
    api.clock.move(minutes=2)
    # What begins now cannot have begun with it: the server has the list that names it.
    assert people("alice") == {"alice": None}
    assert people("alice", at=before) == {"alice": MAYBE_WHY}
    assert people("alice", at=before - 2 * LIFE) == {"alice": None}


def test_without_a_number_all_that_it_may_be_revoked_is_enough(api, admin, alice, people):
    began = api.clock.now()
    revoke(admin, alice.certificate()["serial"])
    api.clock.move(hours=3)
    assert people("alice", at=began) == {"alice": REVOKED_WHY}


def test_without_a_number_a_clock_that_is_ahead_saves_nobody_who_has_no_other(
    api, admin, alice, people
):
    """By it the session began after the revocation, which the server would have known of."""
    revoke(admin, alice.certificate()["serial"])
    assert people("alice", at=api.clock.now() + LIFE / 2) == {"alice": REVOKED_WHY}


def test_without_a_number_an_ended_session_ends_what_it_alone_can_have_begun(api, alice, people):
    other = api.device("alice")
    first, began = alice.certificate(), api.clock.now()
    api.clock.move(hours=2)
    other.certificate()
    alice.call("POST", "/v1/logout")
    assert first["serial"]
    assert people("alice", at=began) == {"alice": ENDED_WHY}
    assert people("alice") == {"alice": None}


def test_without_a_number_and_record_the_login_sessions_tell(api, alice, people):
    alice.certificate()
    api.clock.move(days=3)
    assert people("alice") == {"alice": None}
    alice.api.device("alice").call("POST", "/v1/logout")
    assert people("alice") == {"alice": ENDED_WHY}


def test_a_session_whose_time_was_over_ends_nothing(api, alice, ask, people):
    serial = alice.certificate()["serial"]
    api.clock.move(hours=100)
    assert ask(serial) == {serial: None}
    assert people("alice") == {"alice": None}


def block(admin):
    answer = admin.call("POST", "/v1/users/alice/block", {"reason": "left"})
    assert answer.status_code == 200, answer.text


def remove(admin):
    answer = admin.call("DELETE", "/v1/users/alice")
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("hours", [0, 2, 100])
@pytest.mark.parametrize("act", [block, remove])
def test_who_is_blocked_or_removed_has_nothing_left(alice, ask, people, act, hours):
    serial = alice.certificate()["serial"]
    alice.api.clock.move(hours=hours)
    act(alice.api.device("root"))
    assert ask(serial) == {serial: GONE_WHY if hours else REVOKED_WHY}
    assert people("alice") == {"alice": GONE_WHY}


def test_an_account_that_ended_has_nothing_left(api, admin, alice, ask, people):
    serial = alice.certificate()["serial"]
    until = (START + LIFE).strftime("%Y-%m-%dT%H:%M:%SZ")
    admin.call("PATCH", "/v1/users/alice", {"valid_until": until})
    api.clock.move(hours=2)
    assert ask(serial) == {serial: GONE_WHY}
    assert people("alice") == {"alice": GONE_WHY}


def test_more_than_a_statement_takes(alice, ask, people):
    alice.certificate()
    names = [f"n{number}" for number in range(1200)]
    assert people(*names, "alice") == dict.fromkeys([*names, "alice"])
    serial = alice.certificate()["serial"]
    assert ask(*(f"{number:x}" for number in range(2000)), serial) == {serial: None}
