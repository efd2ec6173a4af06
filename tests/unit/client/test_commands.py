import json

import pytest

from pgward.client import known
from pgward.system import terminal
from pgward.system.files import StorageError
from tests.fixtures.commands import body
from tests.fixtures.fake_ca import error


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


def test_what_this_machine_tells_is_shown_without_a_login(pgward):
    shown = pgward("whoami", "--device")
    assert (shown.exit_code, "disk encrypted" in shown.stdout) == (0, True)
    assert shown.stderr == "sent at each login and renewal; nobody verifies it\n"
    listed = json.loads(pgward("whoami", "--device", "-o", "json").stdout)
    assert listed["os"] == "linux"


def test_passwd_reads_the_old_and_the_new_one(logged_in, fake_ca, monkeypatch):
    answers = iter(["old one", "new one"])
    monkeypatch.setattr(terminal, "ask_password", lambda *_args, **_options: next(answers))
    fake_ca.routes["POST /v1/me/password"] = {"revoked": 0}
    assert logged_in("passwd").exit_code == 0
    assert body(fake_ca) == {"old": "old one", "new": "new one"}


def test_notices_of_the_ca(logged_in, fake_ca):
    fake_ca.routes["GET /v1/me"] |= {"notices": ["somebody used your token"]}
    assert logged_in("whoami", "--check").stderr == "note: somebody used your token\n"
    done = logged_in("whoami", "--check", "-o", "json")
    assert (done.stderr, json.loads(done.stdout)["notices"]) == ("", ["somebody used your token"])


def test_passwd_takes_no_file(logged_in, tmp_path):
    assert logged_in("passwd", "--password-file", tmp_path).exit_code == 2


@pytest.mark.parametrize("name", ["services", "ls"])
def test_services_with_edges(logged_in, fake_ca, name, tmp_path):
    edge = {"name": "e1", "address": "e1.test:7432", "server_name": "e1.test"}
    service = {
        "name": "orders",
        "description": "\x1b[2Jevil",
        "mode": "tcp",
        "server_name": "db1",
        "database": None,
        "ssl_mode": "require",
        "edges": [edge, edge | {"name": "e2"}],
        "step_up": None,
        "access": None,
    }
    fake_ca.routes["GET /v1/services"] = {"services": [service]}
    line = logged_in(name).stdout.splitlines()[1]
    assert line == "orders  tcp   -         db1     e1 e1.test:7432, e2 e1.test:7432  \\x1b[2Jevil"
    assert json.loads(logged_in(name, "-o", "json").stdout) == [service]
    assert known.known_services(tmp_path / "home") == ["orders"]


def test_services_are_listed_though_they_cannot_be_kept(logged_in, fake_ca, monkeypatch):
    fake_ca.routes["GET /v1/services"] = {"services": []}

    def full(*_):
        raise StorageError("the disk is full")

    monkeypatch.setattr(known, "keep", full)
    done = logged_in("services")
    assert done.exit_code == 0
    assert "note: the disk is full; the list is not kept" in done.stderr


@pytest.mark.parametrize(
    ("until", "shown"),
    [(None, "needed"), ("2020-01-01T00:00:00Z", "needed"), ("2999-01-01T00:00:00Z", "given, ends")],
)
def test_services_that_ask_for_a_second_factor_say_whether_now(logged_in, fake_ca, until, shown):
    service = {
        "name": "orders",
        "mode": "tcp",
        "server_name": "db1",
        "ssl_mode": "require",
        "edges": [],
        "step_up": {"minutes": 15, "factors": ["totp"], "proved_until": until},
    }
    fake_ca.routes["GET /v1/services"] = {"services": [service]}
    titles, line = logged_in("services").stdout.splitlines()
    assert titles.split()[-1] == "STEP-UP"
    assert shown in line


def test_services_that_one_has_by_a_grant_say_until_when(logged_in, fake_ca):
    service = {
        "name": "orders",
        "mode": "tcp",
        "server_name": "db1",
        "ssl_mode": "require",
        "edges": [],
        "access": {"until": "2999-01-01T00:00:00Z", "role": None, "names": [], "details": ""},
    }
    fake_ca.routes["GET /v1/services"] = {"services": [service, service | {"access": None}]}
    titles, line, other = logged_in("services").stdout.splitlines()
    assert titles.endswith("BY A GRANT")
    assert line.endswith("(2999-01-01T00:00:00Z)")
    assert "2999" not in other
