import json
import webbrowser

import pytest

from pgward.client.home import Home
from pgward.system import terminal
from tests.fixtures.fake_ca import PASSWORD, URL


def test_a_first_login(pgward, fake_ca, tmp_path):
    arguments = ("--ca", "ca.test:8443", "--fingerprint", fake_ca.fingerprint, "--user", "bob")
    result = pgward("login", *arguments, "--password-stdin", stdin="right\n")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "logged in as bob (dba) at ca.test:8443 for 12 hours" in result.stderr
    assert json.loads((tmp_path / "home" / "trust.json").read_text())["ca_url"] == URL


def test_the_user_is_the_last_one_or_the_one_of_the_machine(pgward, fake_ca, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "carol")
    arguments = ("login", "--ca", URL, "--fingerprint", fake_ca.fingerprint, "--password-stdin")
    assert "logged in as carol" in pgward(*arguments, stdin="right\n").stderr
    assert "logged in as dave" in pgward(*arguments, "--user", "dave", stdin="right\n").stderr
    assert "logged in as dave" in pgward("login", "--password-stdin", stdin="right\n").stderr


def test_who_was_refused_is_told_when_no_name_was_given(pgward, fake_ca, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "carol")
    arguments = ("login", "--ca", URL, "--fingerprint", fake_ca.fingerprint, "--password-stdin")
    result = pgward(*arguments, stdin="wrong\n")
    assert result.exit_code == 3
    assert "hint: that was for carol; --user NAME logs in somebody else\n" in result.stderr
    assert "that was for" not in pgward(*arguments, "--user", "dave", stdin="wrong\n").stderr


def test_the_prompt_says_whose_password_for_what(pgward, fake_ca, monkeypatch):
    asked = []
    monkeypatch.setattr(terminal, "ask_password", lambda label, **_: asked.append(label) or "right")
    pgward("login", "--ca", URL, "--fingerprint", fake_ca.fingerprint, "--user", "bob")
    assert asked == ["Password for bob at ca.test:8443"]


def test_an_impossible_name_is_refused_before_anything_is_made(pgward, tmp_path):
    result = pgward("login", "--user", "a,b")
    assert result.exit_code == 2
    assert not (tmp_path / "home").exists()


def test_a_known_ca_may_be_named_again_and_another_may_not(logged_in):
    assert logged_in("login", "--ca", URL, "--password-stdin", stdin="right\n").exit_code == 0
    result = logged_in("login", "--ca", "https://other.test")
    assert result.exit_code == 2
    assert "other.test is not known here yet, so its fingerprint is needed" in result.stderr


def test_logout(logged_in, fake_ca):
    result = logged_in("logout")
    assert (result.exit_code, result.stderr) == (0, "logged out\n")
    assert logged_in("whoami").exit_code == 4
    assert fake_ca.calls == ["POST /v1/logout"]


PAGE = "https://idp.test/end?client_id=pgward"


@pytest.fixture
def vouched(fake_ca, monkeypatch):
    """The login was one at a provider; what is opened in the browser is returned."""
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or True)
    there = {"provider": "corp", "url": PAGE}
    fake_ca.routes["POST /v1/logout"] = {"revoked": 1, "provider_login": there}
    return opened


def test_logout_tells_of_the_login_at_the_provider_and_leaves_it(logged_in, vouched):
    result = logged_in("logout")
    assert result.exit_code == 0
    assert result.stderr == (
        f"logged out\nthe browser stays logged in at corp; this page ends that\n{PAGE}\n"
    )
    assert vouched == []


def test_logout_ends_it_when_asked_to(logged_in, vouched):
    result = logged_in("logout", "--provider")
    assert "log out of corp with the browser that opens" in result.stderr
    assert vouched == [PAGE]


@pytest.mark.usefixtures("vouched")
def test_logout_tells_programs_too(logged_in):
    told = json.loads(logged_in("--output", "json", "logout").stdout)
    assert (told["provider"], told["provider_logout_url"]) == ("corp", PAGE)


def test_logout_shows_the_page_where_there_is_no_browser(logged_in, vouched):
    result = logged_in("logout", "--provider", "--no-browser")
    assert f"open this page in a browser on this machine:\n{PAGE}" in result.stderr
    assert vouched == []


def test_logout_of_a_provider_without_such_a_page(logged_in, fake_ca):
    there = {"provider": "corp", "url": None}
    fake_ca.routes["POST /v1/logout"] = {"revoked": 1, "provider_login": there}
    result = logged_in("logout", "--provider")
    assert "stays logged in at corp, which names no page to log out" in result.stderr


def test_programs_hear_of_a_provider_without_such_a_page(logged_in, fake_ca):
    there = {"provider": "corp", "url": None}
    fake_ca.routes["POST /v1/logout"] = {"revoked": 1, "provider_login": there}
    told = json.loads(logged_in("--output", "json", "logout").stdout)
    assert (told["provider"], told["provider_logout_url"]) == ("corp", None)


def test_logout_of_no_provider(logged_in):
    result = logged_in("logout", "--provider")
    assert result.stderr == "logged out\nthis was no login at an identity provider\n"


def test_logout_opens_no_program_that_a_lying_ca_names(logged_in, fake_ca, vouched):
    there = {"provider": "corp", "url": "file:///bin/sh"}
    fake_ca.routes["POST /v1/logout"] = {"revoked": 1, "provider_login": there}
    result = logged_in("logout", "--provider")
    assert (result.exit_code, vouched) == (1, [])
    assert "sends the browser to no web page" in result.stderr


@pytest.fixture
def offered(fake_ca):
    """Have the CA offer these ways."""

    def offered(*ways):
        fake_ca.routes["GET /v1/login"] = {"methods": [PASSWORD | way for way in ways]}

    return offered


LDAP = {"method": "ldap", "provider": "corp"}


def logins_sent(fake_ca):
    sent = [request for request in fake_ca.requests if request.url.path == "/v1/login"]
    return [json.loads(request.content) for request in sent if request.content]


def test_the_way_of_the_last_login_is_the_next_ones(logged_in, fake_ca, offered, tmp_path):
    offered({}, LDAP)
    result = logged_in("login", "--method", "ldap", "--password-stdin", stdin="right\n")
    assert result.exit_code == 0
    assert Home(tmp_path / "home").last_login() == ("ldap", "corp")
    assert logged_in("login", "--password-stdin", stdin="right\n").exit_code == 0
    sent = logins_sent(fake_ca)
    assert [(each["method"], each["provider"]) for each in sent] == [("ldap", "corp")] * 2


def test_a_way_that_is_not_there_is_told_with_those_that_are(logged_in, offered):
    offered({}, LDAP)
    result = logged_in("login", "--provider", "other", "--password-stdin", stdin="right\n")
    assert result.exit_code == 1
    assert "--method password; --method ldap --provider corp" in result.stderr


def test_a_reason_and_a_device_token_go_along(logged_in, fake_ca, tmp_path):
    (tmp_path / "token").write_text("secret\n")
    arguments = ("--reason", "ticket 7", "--device-token-file", tmp_path / "token")
    assert logged_in("login", *arguments, "--password-stdin", stdin="right\n").exit_code == 0
    (sent,) = logins_sent(fake_ca)
    assert (sent["reason"], sent["device"]["token"]) == ("ticket 7", "secret")


def test_a_question_that_nobody_can_answer_here(logged_in, fake_ca):
    fake_ca.routes["POST /v1/login"] = {
        "status": "continue",
        "flow": "f",
        "ask": {"kind": "second_factor", "facts": {"factors": ["totp"]}},
    }
    result = logged_in("login", "--password-stdin", stdin="right\n")
    assert result.exit_code == 2
    assert "there is no terminal to ask on" in result.stderr


def test_a_device_code_is_one_way_only(logged_in):
    result = logged_in("login", "--device-code", "--method", "password")
    assert result.exit_code == 2
    assert "exclude each other" in result.stderr
