import json
import sys
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from pgward.client import log_commands
from pgward.core.clock import rfc3339
from pgward.pki import tree_head
from pgward.pki.log_entry import RevocationEntry
from tests.fixtures.fake_ca import USER
from tests.fixtures.fake_log import TIME, FakeLog


@pytest.fixture
def log(fake_log, fake_ca):
    fake_log.install(fake_ca)
    return fake_log


@pytest.fixture
def administrator(logged_in, tmp_path):
    """Make the person who is logged in an administrator, as the CA would have said."""
    (path,) = (tmp_path / "home" / "identity").glob("2*/session.json")
    path.write_text(path.read_text().replace('"administrator": false', '"administrator": true'))
    assert USER["administrator"] is False
    return logged_in


@pytest.mark.usefixtures("log")
def test_ones_own_certificates_are_proved(logged_in):
    done = logged_in("certificates")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["SERIAL", "STATE", "ISSUED", "ENDS", "FROM", "LOG", "ENTRY"]
    assert [(line[0], line[-1]) for line in lines[1:]] == [("3", "2"), ("1", "0")]
    assert done.stderr == "2 in the name of alice, each proved to be in the log\n"
    found = json.loads(logged_in("certificates", "-o", "json", "--limit", "1").stdout)
    assert [(row["serial"], row["log"]) for row in found] == [("3", "logged")]
    assert "proof" not in found[0]


def test_a_certificate_that_is_not_in_the_log_is_told(logged_in, log):
    rows = log.get("/v1/me/certificates")["certificates"]
    lie = [rows[0], rows[1] | {"proof": ["00" * 32] * 2}]
    log.changed["/v1/me/certificates"] = {"certificates": lie}
    done = logged_in("certificates")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "the inclusion proof of leaf 0 does not lead to the root" in done.stderr


def test_the_head_needs_no_login_and_tells_what_was_seen(logged_in, log, fake_ca):
    first = logged_in("ca", "log", "head")
    assert "entries      3\n" in first.stdout
    assert "seen before  -" in first.stdout
    assert "DPoP" not in fake_ca.requests[-1].headers
    log.add("bob")
    assert "seen before  3 entries" in logged_in("ca", "log", "head").stdout
    shown = json.loads(logged_in("ca", "log", "head", "-o", "json").stdout)
    assert (shown["jws"], shown["size"]) == (log.jws, 4)


def test_an_old_head_is_told(logged_in, log):
    assert "warning: the newest head was signed " not in _after(log, logged_in, 0)
    assert "warning: the newest head was signed 2 days" in _after(log, logged_in, 49)


def _after(log, run, hours):
    minutes = (datetime.now(UTC) - timedelta(hours=hours) - TIME) // timedelta(minutes=1)
    log.sign(minutes=minutes)
    return run("ca", "log", "head").stderr


def test_a_forked_log_ends_every_command_with_the_evidence(logged_in, log, fake_ca, tmp_path):
    logged_in("ca", "log", "head")
    forked = FakeLog(key=log.key).add("alice", "mallory", "alice", "bob")
    forked.install(fake_ca)
    for arguments in (["ca", "log", "head"], ["certificates"], ["ca", "log", "monitor", "--once"]):
        done = logged_in(*arguments)
        assert (done.exit_code, done.stdout) == (1, "")
        assert "the CA's log contradicts what it said before" in done.stderr
        assert "hint: the evidence is in" in done.stderr
    assert len(list((tmp_path / "home").glob("log-evidence-*.json"))) == 3


def test_one_may_begin_anew(logged_in, log, fake_ca, tmp_path):
    home = tmp_path / "home"
    logged_in("ca", "log", "monitor", "--once")
    before = json.loads((home / "log.json").read_text())
    FakeLog().add("alice").install(fake_ca)
    assert logged_in("ca", "log", "head").exit_code == 1
    done = logged_in("ca", "log", "head", "--forget")
    assert done.exit_code == 0, done.stderr
    (kept,) = home.glob("log-forgotten-*.json")
    assert done.stderr.startswith(f"what was known of the log is in {kept} now\n")
    assert [json.loads(kept.read_text())] == list(before.values())
    assert logged_in("ca", "log", "monitor", "--once").exit_code == 0
    (place,) = json.loads((home / "log-monitor.json").read_text()).values()
    assert place["size"] == 1
    assert log.calls


def test_a_proof_can_be_taken_away(logged_in, log):
    done = logged_in("ca", "log", "prove", "1")
    assert "proved: it is in the log" in done.stderr
    assert "entry      0\n" in done.stdout
    shown = json.loads(logged_in("ca", "log", "prove", "1", "-o", "json").stdout)
    assert tree_head.verify(shown["head"], log.key.public_key()).size == 3
    assert shown["proof"] == log.get("/v1/log/proof/inclusion", index=0)["proof"]


def test_a_monitor_tells_of_what_is_new_in_ones_own_name(logged_in, log):
    assert logged_in("ca", "log", "monitor", "--once").stdout == ""
    log.add("bob", "alice")
    time = rfc3339(TIME)
    expected = f"4  {time}  issued  person  alice  5\n"
    assert logged_in("ca", "log", "monitor", "--once").stdout == expected
    assert logged_in("ca", "log", "monitor", "--once").stdout == ""


@pytest.mark.usefixtures("log")
def test_a_monitor_from_the_start_in_json(logged_in):
    done = logged_in("ca", "log", "monitor", "--once", "--from-start", "-o", "json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["log_index"], each["serial"]) for each in found] == [(0, "1"), (2, "3")]


def test_an_administrator_sees_everybodys(administrator, log):
    log.who = "admin"
    assert administrator("ca", "log", "monitor", "--once").stdout == ""
    log.entries.append(RevocationEntry(TIME, "user-issuing", "1", "superseded"))
    log.add("carol")
    done = administrator("ca", "log", "monitor", "--once", "-o", "json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["event"], each["serial"]) for each in found] == [
        ("revoked", "1"),
        ("issued", "5"),
    ]
    log.add("dave")
    only = administrator("ca", "log", "monitor", "--once", "--user", "carol", "--from-start")
    assert only.stdout == f"4  {rfc3339(TIME)}  issued  person  carol  5\n"


@pytest.mark.usefixtures("log")
def test_other_people_may_not_follow_everybody(logged_in):
    done = logged_in("ca", "log", "monitor", "--once", "--user", "bob")
    assert done.exit_code == 3
    assert "only an administrator" in done.stderr


@pytest.mark.usefixtures("log")
def test_a_command_gets_each_as_json(logged_in, tmp_path):
    out = tmp_path / "out"
    script = f"import sys; open({str(out)!r}, 'a').write(sys.stdin.read() + chr(10))"
    command = f'{sys.executable} -c "{script}"'
    logged_in("ca", "log", "monitor", "--once", "--from-start", "--exec", command)
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert [each["serial"] for each in found] == ["1", "3"]


@pytest.mark.usefixtures("log")
def test_a_command_that_fails_is_told(logged_in):
    run = ("ca", "log", "monitor", "--once", "--from-start", "--exec")
    assert "warning: false ended with status 1" in logged_in(*run, "false").stderr
    done = logged_in(*run, "/nowhere/at-all")
    assert done.exit_code == 1
    assert "/nowhere/at-all cannot be run" in done.stderr


def test_a_monitor_goes_on_when_the_ca_is_away_for_a_while(logged_in, log, fake_ca, monkeypatch):
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        log.install(fake_ca)
        if len(slept) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(log_commands.time, "sleep", sleep)
    fake_ca.routes["GET /v1/log/head"] = httpx2.ConnectError("refused")
    done = logged_in("ca", "log", "monitor", "--interval", "5s", "--from-start")
    assert slept == [5, 5]
    assert "looking again in" in done.stderr
    assert len(done.stdout.splitlines()) == 2


def login(pgward, fake_ca):
    arguments = ["--ca", fake_ca.trust.ca_url, "--fingerprint", fake_ca.fingerprint]
    return pgward("login", *arguments, "--user", "alice", "--password-stdin", stdin="right\n")


def test_every_login_is_a_witness_of_the_log(pgward, fake_ca, fake_log, tmp_path):
    fake_log.install(fake_ca)
    assert login(pgward, fake_ca).exit_code == 0
    (kept,) = json.loads((tmp_path / "home" / "log.json").read_text()).values()
    assert kept["head"] == fake_log.jws
    FakeLog(key=fake_log.key).add("alice", "mallory", "alice", "bob").install(fake_ca)
    done = login(pgward, fake_ca)
    assert done.exit_code == 0  # it is the login that was asked for
    assert "the CA's log contradicts what it said before" in done.stderr
    assert len(list((tmp_path / "home").glob("log-evidence-*.json"))) == 1


def test_a_login_at_a_ca_without_a_log_is_none_the_worse(pgward, fake_ca, tmp_path):
    done = login(pgward, fake_ca)
    assert (done.exit_code, "log" in done.stderr.replace("logged in", "")) == (0, False)
    assert not (tmp_path / "home" / "log.json").exists()
