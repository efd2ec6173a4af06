import shutil
from datetime import timedelta

import pytest

from pgward.client.home import Home
from pgward.client.login import installing
from pgward.client.session import Session, State
from pgward.client.token_store import TokenPlace
from pgward.client.trust import Trust
from pgward.core.errors import LoginNeededError, UnavailableError
from pgward.pki import pem
from pgward.system.files import StorageError
from tests.fixtures.fake_ca import NOW, error

SOON = timedelta(minutes=10)


@pytest.fixture
def home(fake_ca, tmp_path):
    """A home that is logged in."""
    made = Home(tmp_path / "home")
    made.prepare()
    done = installing.with_password(made, fake_ca.trust, "alice", "right", fake_ca.clock)
    done.session.close()
    fake_ca.requests.clear()
    return made


@pytest.fixture
def session(fake_ca, home):
    made = Session.open(home.directory, clock=fake_ca.clock)
    yield made
    made.close()


def renewals(fake_ca) -> int:
    return fake_ca.calls.count("POST /v1/certificates/login")


def test_opening_asks_nobody(fake_ca, session):
    assert (session.user.name, session.user.groups) == ("alice", ("dba",))
    assert session.not_after == NOW + timedelta(hours=1)
    assert session.session_expires_at == NOW + timedelta(hours=12)
    assert fake_ca.calls == []


def test_opening_an_empty_home(tmp_path):
    with pytest.raises(LoginNeededError, match="you are not logged in"):
        Session.open(tmp_path)


def test_opening_a_session_that_is_over(fake_ca, home):
    fake_ca.clock.advance(hours=15)
    with pytest.raises(LoginNeededError, match="your login session ended 3 hours ago"):
        Session.open(home.directory, clock=fake_ca.clock)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"user": {}}'])
def test_opening_a_damaged_session(home, data):
    (home.generations.current / "session.json").write_bytes(data)
    with pytest.raises(LoginNeededError, match=r"session\.json is damaged"):
        Session.open(home.directory)


def test_a_state_is_written_and_read(session, tmp_path):
    (tmp_path / "session.json").write_bytes(session.state.to_json())
    assert State.load(tmp_path) == session.state


def test_renewing_is_silent_until_it_is_due(fake_ca, session):
    fake_ca.clock.advance(minutes=49)
    assert session.ensure_certificate(SOON) is False
    fake_ca.clock.advance(minutes=2)
    assert session.ensure_certificate(SOON) is True
    assert session.ensure_certificate(SOON) is False
    assert renewals(fake_ca) == 1
    assert session.not_after == NOW + timedelta(minutes=111)


def test_a_margin_is_at_most_half_the_life(fake_ca, session):
    assert session.ensure_certificate(timedelta(days=1)) is False
    fake_ca.clock.advance(minutes=31)
    assert session.ensure_certificate(timedelta(days=1)) is True


def test_after_a_laptops_sleep_an_expired_certificate_is_renewed(fake_ca, session):
    fake_ca.clock.advance(hours=8)
    assert session.ensure_certificate(SOON) is True
    assert session.not_after == NOW + timedelta(hours=9)


def test_after_a_longer_sleep_a_login_is_needed(fake_ca, session):
    fake_ca.clock.advance(hours=13)
    with pytest.raises(LoginNeededError):
        session.ensure_certificate(SOON)
    assert renewals(fake_ca) == 0


def test_a_certificate_that_ends_with_the_session_stays(fake_ca, session):
    fake_ca.clock.advance(hours=11, minutes=59)
    fake_ca.life = timedelta(minutes=1)
    assert session.ensure_certificate(SOON) is True
    fake_ca.clock.advance(seconds=50)
    assert session.ensure_certificate(SOON) is False


def test_a_new_key_each_time_and_the_same_token(session):
    key = session.paths.key.read_bytes()
    session._renew()
    assert session.paths.key.read_bytes() != key
    assert session.token() == "token-1"


def test_a_refusal_leaves_the_old_certificate(fake_ca, session):
    fake_ca.clock.advance(minutes=55)
    fake_ca.routes["POST /v1/certificates/login"] = error("login_needed", "it has ended")
    before = session.state
    with pytest.raises(LoginNeededError, match="it has ended"):
        session.ensure_certificate(SOON)
    assert Session.open(session._home.directory, clock=fake_ca.clock).state == before


def test_a_ca_that_is_away_leaves_the_old_certificate(fake_ca, session):
    fake_ca.clock.advance(minutes=55)
    fake_ca.routes["POST /v1/certificates/login"] = error("unavailable", "away")
    with pytest.raises(UnavailableError, match="away"):
        session.ensure_certificate(SOON)
    assert session.not_after == NOW + timedelta(hours=1)


def test_what_another_process_renewed_is_taken(fake_ca, home, session):
    other = Session.open(home.directory, clock=fake_ca.clock)
    other._renew()
    assert session.ensure_certificate(SOON) is True
    assert session.state == other.state
    assert renewals(fake_ca) == 1
    other.close()


def test_a_refused_certificate_is_replaced_before_its_time(fake_ca, home, session):
    assert session.ensure_certificate(SOON, refused=True) is True
    other = Session.open(home.directory, clock=fake_ca.clock)
    other._renew()
    assert session.ensure_certificate(SOON, refused=True) is True
    assert session.state == other.state
    assert renewals(fake_ca) == 2
    other.close()


def test_what_another_process_renewed_while_we_waited_is_taken(fake_ca, home, session, monkeypatch):
    fake_ca.clock.advance(minutes=55)
    other = Session.open(home.directory, clock=fake_ca.clock)
    lock = Home.lock

    def lock_after_the_other(self: Home) -> object:
        monkeypatch.setattr(Home, "lock", lock)
        other.ensure_certificate(SOON)
        return lock(self)

    monkeypatch.setattr(Home, "lock", lock_after_the_other)
    assert session.ensure_certificate(SOON) is True
    assert renewals(fake_ca) == 1
    other.close()


def test_a_connection_outlives_renewals_but_not_a_new_login(fake_ca, home, session):
    client = session.api()
    session._renew()
    assert session.api() is client
    done = installing.with_password(home, fake_ca.trust, "alice", "right", fake_ca.clock)
    session.reload()
    assert session.api() is not client
    session.services()
    assert fake_ca.requests[-1].headers["Authorization"] == "DPoP token-2"
    done.session.close()


def test_a_logout_elsewhere_is_seen(home, session):
    home.generations.clear()
    with pytest.raises(LoginNeededError):
        session.ensure_certificate(SOON)


def test_a_generation_removed_while_we_read_is_read_again(home, session, monkeypatch):
    load = State.load
    other = Session(home, session._clock)

    def removed_first(generation):
        monkeypatch.setattr(State, "load", load)
        other._renew()
        shutil.rmtree(generation)
        return load(generation)

    other._renew()
    monkeypatch.setattr(State, "load", removed_first)
    assert session.reload() is True
    assert session.state == other.state
    other.close()


def test_a_missing_file_is_an_error_not_a_loop(home, session):
    session._renew()
    (home.generations.current / "session.json").unlink()
    with pytest.raises(StorageError):
        Session.open(home.directory)


def test_grants_that_ended_are_read_the_newest_first(fake_ca, session):
    ends = ["2026-11-21T12:00:00Z", None, "2026-11-21T13:00:00Z"]
    grants = [{"id": f"g{number}", "ended_at": end} for number, end in enumerate(ends)]
    fake_ca.routes["GET /v1/access/grants"] = {"grants": grants, "after": None}
    assert [each["id"] for each in session.ended_grants("orders")] == ["g2", "g0", "g1"]


def test_services_are_read(fake_ca, session):
    assert session.services() == []
    assert fake_ca.calls == ["GET /v1/services"]


def test_the_place_of_the_token_is_kept(session):
    assert session.state.token == TokenPlace(None)


@pytest.mark.parametrize("token", [b"", b"pgs1.secret\n", b"pgs1.secret\0", b"pgs1.\xff secret"])
def test_a_damaged_token_asks_for_a_login_and_is_not_shown(session, token):
    (session.paths.cert.parent / "token").write_bytes(token)
    with pytest.raises(LoginNeededError, match="token is damaged") as raised:
        session.api()
    assert "secret" not in raised.value.message


def test_the_roots_that_come_with_a_renewal_are_trusted_from_then_on(
    fake_ca, home, session, hierarchy
):
    fake_ca.trust.save(home.directory)
    old, new = pem.text(fake_ca.root), pem.text(hierarchy.root.certificate)
    issue = fake_ca.issue
    fake_ca.routes["POST /v1/certificates/login"] = lambda body: {
        **issue(body),
        "server_roots": [new, old],
    }
    fake_ca.clock.advance(minutes=51)
    session.ensure_certificate(SOON)
    assert session.trust.server_roots == (new, old)
    assert session.trust.fingerprint == fake_ca.fingerprint
    assert session.paths.ca.read_text() == new + old
    assert Trust.load(home.directory) == session.trust


def test_another_ca_that_was_pinned_meanwhile_stays(fake_ca, home, session, hierarchy):
    other = Trust("https://other.test", "SHA256:" + "a" * 64, ("x",))
    other.save(home.directory)
    issue = fake_ca.issue
    roots = [pem.text(hierarchy.root.certificate)]
    fake_ca.routes["POST /v1/certificates/login"] = lambda body: {
        **issue(body),
        "server_roots": roots,
    }
    fake_ca.clock.advance(minutes=51)
    session.ensure_certificate(SOON)
    assert Trust.load(home.directory) == other
