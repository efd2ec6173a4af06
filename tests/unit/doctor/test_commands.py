import json

import pytest

from pgward.doctor import commands
from pgward.doctor.finding import fail, ok, skip, warn


@pytest.fixture
def findings(monkeypatch):
    found = []
    monkeypatch.setattr(commands.runner, "run", lambda _checks, _patient: iter(found))
    return found


def test_a_list_with_why_and_what_to_do(pgward, findings):
    findings += [
        ok("home", "fine"),
        warn("clients", "old", "it is", "renew it"),
        fail("login", "none", hint="pgward login", exit_code=4),
        skip("ca", "x"),
        skip("edge", "x"),
    ]
    result = pgward("doctor", "orders")
    assert result.exit_code == 4
    assert result.stdout == (
        "ok    home            fine\n"
        "warn  clients         old\n"
        "                      why: it is\n"
        "                      do: renew it\n"
        "fail  login           none\n"
        "                      do: pgward login\n"
        "skip  behind what is broken: ca, edge\n"
    )
    assert result.stderr == "the link that breaks: login\n"


def test_as_data(pgward, findings):
    findings += [ok("home", "fine"), fail("login", "none")]
    result = pgward("doctor", "orders", "-o", "json")
    assert (result.exit_code, result.stderr) == (1, "")
    assert json.loads(result.stdout) == {
        "service": "orders",
        "healthy": False,
        "broken": "login",
        "findings": [each.to_json() for each in findings],
    }


def test_when_all_is_well(pgward, findings):
    findings.append(ok("home", "fine"))
    assert pgward("doctor", "orders").stderr == "nothing is broken on the way to orders\n"
    assert "pgward doctor SERVICE looks further" in pgward("doctor").stderr


def test_nothing_that_a_peer_said_moves_the_cursor(pgward, findings):
    findings.append(fail("edge", "evil \x1b[2J", "\x1b[2J", "\u202e"))
    assert "\x1b" not in pgward("doctor").stdout


def test_a_message_is_explained(pgward):
    result = pgward("doctor", "--explain", "SSL error: tlsv1 alert unknown ca")
    assert result.stdout.startswith("means  the server could not check your certificate")
    assert "do     on the database host" in result.stdout
    result = pgward(
        "doctor", "--explain", "-", "-o", "json", stdin="EOF detected\nno route to host"
    )
    assert json.loads(result.stdout)["name"] == "no_route"
    assert pgward("doctor", "--explain", "the moon is full").exit_code == 2


def test_an_address_that_is_none(pgward):
    assert pgward("doctor", "--host", "a:b:c").exit_code == 2
