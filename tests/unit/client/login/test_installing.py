import pytest

from pgward.client import token_store
from pgward.client.home import Home
from pgward.client.identity import Generations
from pgward.client.login import conversation, installing
from pgward.client.login.installing import LoggedOut
from pgward.client.session import Session
from pgward.client.token_store import Kept, KeyringError, TokenPlace
from pgward.core.errors import DeniedError, LoginNeededError, PgwardError, UnavailableError
from pgward.system.files import StorageError
from tests.fixtures.fake_ca import error


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "home")
    made.prepare()
    return made


@pytest.fixture
def log_in(fake_ca, home):
    def log_in(user: str = "alice", password: str = "right"):
        done = installing.with_password(home, fake_ca.trust, user, password, fake_ca.clock)
        done.session.close()
        return done

    return log_in


@pytest.fixture
def keyring(monkeypatch):
    """A keyring in a dict."""
    kept: dict[str, str] = {}

    def keep(token: str, user: str, _url: str) -> Kept:
        account = f"{user}#{len(kept)}"
        kept[account] = token
        return Kept(TokenPlace(account))

    monkeypatch.setattr(token_store, "keep", keep)
    monkeypatch.setattr(token_store, "fetch", lambda account: kept[account])
    monkeypatch.setattr(token_store, "forget", lambda place: kept.pop(place.account, None) and None)
    return kept


def test_a_login_leaves_a_session_and_an_identity(fake_ca, home, log_in):
    session = log_in().session
    assert session.user.name == "alice"
    assert session.token() == "token-1"
    assert session.trust == fake_ca.trust
    assert home.last_user() == "alice"
    assert fake_ca.calls == [
        "GET /v1/health",
        "POST /v1/login",
        "POST /v1/certificates/login",
    ]
    session.close()


def test_the_password_goes_nowhere_but_to_the_login(fake_ca, home, log_in):
    log_in()
    assert sum(b'"right"' in request.content for request in fake_ca.requests) == 1
    everything = b"".join(p.read_bytes() for p in home.directory.rglob("*") if p.is_file())
    assert b"right" not in everything


def test_only_a_request_leaves_never_a_key(fake_ca, log_in):
    log_in()
    assert not any(b"PRIVATE" in request.content for request in fake_ca.requests)


def test_a_wrong_password_changes_nothing(home, log_in):
    log_in()
    before = home.generations.active()
    with pytest.raises(DeniedError, match="wrong user name or password"):
        log_in(password="wrong")
    assert home.generations.active() == before


def test_a_wrong_clock_is_told_before_the_password_is_sent(fake_ca, log_in):
    fake_ca.ahead = 2 * fake_ca.life
    with pytest.raises(PgwardError, match="this machine's clock is 7200 seconds behind"):
        log_in()
    assert fake_ca.calls == ["GET /v1/health"]


@pytest.mark.parametrize("answer", [{}, {"token": 7}])
def test_an_answer_without_a_token(fake_ca, log_in, answer):
    fake_ca.routes["POST /v1/login"] = answer
    with pytest.raises(UnavailableError, match="the CA's answer has no token"):
        log_in()


def test_a_login_that_cannot_be_stored_is_ended_at_the_ca(fake_ca, home, log_in, monkeypatch):
    def full(*_: object) -> None:
        raise StorageError("cannot write: no space left on device")

    log_in()
    before = home.generations.active()
    monkeypatch.setattr(Generations, "install", full)
    with pytest.raises(StorageError):
        log_in()
    assert fake_ca.calls[-1] == "POST /v1/logout"
    assert fake_ca.requests[-1].headers["Authorization"] == "DPoP token-2"
    assert home.generations.active() == before


def test_a_refused_certificate_ends_the_login_even_if_that_fails(fake_ca, log_in):
    fake_ca.routes["POST /v1/certificates/login"] = error("denied", "not now")
    fake_ca.routes["POST /v1/logout"] = error("failed")
    with pytest.raises(DeniedError, match="not now"):
        log_in()


def test_a_token_in_the_keyring_is_in_no_file(home, log_in, keyring):
    session = log_in().session
    assert session.token() == "token-1"
    files = b"".join(p.read_bytes() for p in home.directory.rglob("*") if p.is_file())
    assert b"token-1" not in files
    assert list(keyring.values()) == ["token-1"]


def test_a_new_login_removes_the_former_token(log_in, keyring):
    log_in()
    log_in()
    assert list(keyring.values()) == ["token-2"]


def test_a_token_that_could_not_be_installed_is_forgotten(log_in, keyring, monkeypatch):
    monkeypatch.setattr(Generations, "install", lambda *_: (_ for _ in ()).throw(StorageError("x")))
    with pytest.raises(StorageError):
        log_in()
    assert keyring == {}


def test_the_notice_about_the_file_comes_once(log_in, monkeypatch):
    kept = Kept(TokenPlace(None), "the keyring does not work (X)")
    monkeypatch.setattr(token_store, "keep", lambda *_: kept)
    notices = [log_in().notice for _ in range(2)]
    assert notices[0] is not None
    assert notices[0].startswith("the keyring does not work (X); the login token is kept in a file")
    assert notices[1] is None


def test_logout_tells_the_ca_and_removes_the_identity(fake_ca, home, log_in, keyring):
    log_in()
    assert installing.logout(home, fake_ca.clock) == LoggedOut()
    assert fake_ca.calls[-1] == "POST /v1/logout"
    assert home.generations.active() is None
    assert keyring == {}


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"provider": "corp", "url": "https://x/end"}, ("corp", "https://x/end")),
        ({"provider": "corp", "url": None}, ("corp", None)),
        (None, (None, None)),
    ],
)
def test_logout_tells_of_a_login_that_goes_on_at_a_provider(fake_ca, home, log_in, told, found):
    log_in()
    fake_ca.routes["POST /v1/logout"] = {"revoked": 1, "provider_login": told}
    assert installing.logout(home, fake_ca.clock) == LoggedOut(None, *found)


def test_logout_without_the_ca_says_so(fake_ca, home, log_in):
    log_in()
    fake_ca.routes["POST /v1/logout"] = error("unavailable", "the store is away")
    assert installing.logout(home, fake_ca.clock) == LoggedOut("the store is away")
    assert home.generations.active() is None


def test_logout_of_a_session_that_is_over_is_fine(fake_ca, home, log_in):
    log_in()
    fake_ca.routes["POST /v1/logout"] = error("login_needed", "it has ended")
    assert installing.logout(home, fake_ca.clock) == LoggedOut()


def test_logout_of_a_damaged_identity_removes_it(fake_ca, home, log_in):
    log_in()
    (home.generations.current / "session.json").write_bytes(b"{")
    installing.logout(home, fake_ca.clock)
    assert home.generations.active() is None


def test_logout_without_its_token_says_what_is_left(fake_ca, home, log_in, keyring, monkeypatch):
    def locked(_: str) -> str:
        raise KeyringError("the keyring did not answer")

    log_in()
    monkeypatch.setattr(token_store, "fetch", locked)
    assert installing.logout(home, fake_ca.clock) == LoggedOut("the keyring did not answer")
    assert home.generations.active() is None
    assert keyring == {}


def test_logout_needs_a_login(fake_ca, home):
    with pytest.raises(LoginNeededError):
        installing.logout(home, fake_ca.clock)


def test_a_session_of_another_ca_replaces_the_former(fake_ca, home, log_in):
    log_in()
    Session(home, fake_ca.clock).close()
    other = type(fake_ca.trust)(
        "https://other.test", fake_ca.fingerprint, fake_ca.trust.server_roots
    )
    installing.with_password(home, other, "bob", "right", fake_ca.clock).session.close()
    assert (home.trust().ca_url, home.last_user()) == ("https://other.test", "bob")


def test_what_the_ca_tells_is_passed_on(log_in, monkeypatch):
    post = conversation.hold
    told = {"notices": ["your login token was used on another device"]}
    monkeypatch.setattr(conversation, "hold", lambda *args: post(*args) | told)
    assert log_in().notice.startswith("your login token was used on another device")
