import json

import pytest

from pgward.system import terminal
from tests.fixtures.commands import body
from tests.fixtures.fake_ca import URL, error


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


def test_whoami_after_a_long_sleep(logged_in, tmp_path):
    file = tmp_path / "home" / "identity" / "current" / "session.json"
    fields = json.loads(file.read_text()) | {"not_after": "2020-01-01T00:00:00Z"}
    file.write_text(json.dumps(fields))
    assert "; the next use renews it, serial" in logged_in("whoami").stdout


def test_whoami_asks_the_ca_only_when_told(logged_in, fake_ca):
    assert logged_in("whoami").exit_code == 0
    assert fake_ca.calls == []
    fake_ca.routes["GET /v1/me"] = error("login_needed", "it has ended")
    assert logged_in("whoami", "--check").exit_code == 4


def test_logout(logged_in, fake_ca):
    result = logged_in("logout")
    assert (result.exit_code, result.stderr) == (0, "logged out\n")
    assert logged_in("whoami").exit_code == 4
    assert fake_ca.calls == ["POST /v1/logout"]


def test_passwd_reads_the_old_and_the_new_one(logged_in, fake_ca, monkeypatch):
    answers = iter(["old one", "new one"])
    monkeypatch.setattr(terminal, "ask_password", lambda *_args, **_options: next(answers))
    fake_ca.routes["POST /v1/me/password"] = {"revoked": 0}
    assert logged_in("passwd").exit_code == 0
    assert body(fake_ca) == {"old": "old one", "new": "new one"}


def test_passwd_takes_no_file(logged_in, tmp_path):
    assert logged_in("passwd", "--password-file", tmp_path).exit_code == 2


@pytest.mark.parametrize("name", ["services", "ls"])
def test_services_with_edges(logged_in, fake_ca, name):
    edge = {"name": "e1", "address": "e1.test:7432", "server_name": "e1.test"}
    service = {
        "name": "orders",
        "description": "\x1b[2Jevil",
        "mode": "tcp",
        "server_name": "db1",
        "database": None,
        "ssl_mode": "require",
        "edges": [edge, edge | {"name": "e2"}],
    }
    fake_ca.routes["GET /v1/services"] = {"services": [service]}
    line = logged_in(name).stdout.splitlines()[1]
    assert line == "orders  tcp   -         db1     e1 e1.test:7432, e2 e1.test:7432  \\x1b[2Jevil"
    assert json.loads(logged_in(name, "-o", "json").stdout) == [service]
