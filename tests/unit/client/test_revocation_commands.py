from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from pgward.cli import cli
from pgward.core.clock import rfc3339
from pgward.system import terminal
from tests.fixtures.commands import body

NOW = datetime.now(UTC)
ROW = {
    "serial": "ab",
    "ca": "user-issuing",
    "kind": "person",
    "subject": "bob",
    "not_after": rfc3339(NOW + timedelta(days=30, hours=2)),
    "revoked_at": rfc3339(NOW - timedelta(seconds=1)),
    "reason": "keyCompromise",
}


def reply(*rows, revoked=None, ended=0):
    count = len(rows) if revoked is None else revoked
    return {"revoked": count, "sessions_ended": ended, "certificates": list(rows)}


def test_one_by_its_serial_number(logged_in, fake_ca):
    fake_ca.routes["POST /v1/certificates/ab/revoke"] = reply(ROW)
    result = logged_in("ca", "revoke", "00:AB", "--reason", "keycompromise", "--comment", "lost")
    assert result.exit_code == 0
    titles, row = result.stdout.splitlines()
    assert titles.split()[:3] == ["SERIAL", "KIND", "NAME"]
    assert row.split()[:4] == ["ab", "person", "bob", "in"]
    assert "30 days" in row
    assert "keyCompromise" in row
    assert result.stderr == (
        "1 certificate revoked\n"
        "a login session of bob may get another one: `pgward ca revoke --user bob` ends them all\n"
    )
    assert body(fake_ca) == {"reason": "keyCompromise", "comment": "lost"}


def test_twice_is_fine(logged_in, fake_ca):
    fake_ca.routes["POST /v1/certificates/ab/revoke"] = reply(ROW, revoked=0)
    result = logged_in("ca", "revoke", "ab", "-o", "json")
    assert result.exit_code == 0
    assert '"serial": "ab"' in result.stdout
    assert result.stderr.startswith('{"note": "0 certificates revoked"}\n')


def test_one_that_is_unknown_keeps_none_of_the_others(logged_in, fake_ca):
    fake_ca.routes["POST /v1/certificates/ab/revoke"] = reply(ROW)
    result = logged_in("ca", "revoke", "12", "ab", "13")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1].startswith("ab ")
    assert "1 certificate revoked" in result.stderr
    assert result.stderr.count("pgward: ") == 2


@pytest.mark.parametrize("kind", ["user", "host", "edge"])
def test_all_of_somebody(logged_in, fake_ca, kind):
    fake_ca.routes["POST /v1/certificates/revoke"] = reply(ROW, ROW, ended=1)
    result = logged_in("ca", "revoke", f"--{kind}", "bob", "--reason", "superseded")
    ended = "1 login session ended; `pgward user block bob` keeps them out\n"
    assert result.stderr == "2 certificates revoked\n" + (ended if kind == "user" else "")
    assert body(fake_ca) == {
        "kind": "person" if kind == "user" else kind,
        "name": "bob",
        "reason": "superseded",
        "comment": "",
    }


def test_nothing_to_revoke(logged_in, fake_ca):
    fake_ca.routes["POST /v1/certificates/revoke"] = reply()
    assert logged_in("ca", "revoke", "--edge", "e1").stderr == "0 certificates revoked\n"
    assert logged_in("ca", "revoke", "--edge", "e1", "-o", "json").stdout == "[]\n"


@pytest.mark.parametrize(
    ("answer", "options", "asked", "revoked"),
    [("y\n", (), True, True), ("n\n", (), True, False), ("", ("--yes",), False, True)],
)
def test_on_a_terminal_it_asks(logged_in, fake_ca, monkeypatch, answer, options, asked, revoked):  # noqa: PLR0917
    monkeypatch.setattr(terminal, "interactive", lambda: True)
    fake_ca.routes["POST /v1/certificates/revoke"] = reply(ROW, ended=1)
    result = logged_in("ca", "revoke", "--user", "bob", *options, stdin=answer)
    question = "revoke all certificates of bob, and end the login sessions?"
    assert (question in result.stderr) is asked
    assert ("nothing was revoked" in result.stderr) is not revoked
    assert bool(fake_ca.requests) is revoked


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name either serial numbers, or one of --user, --host, --edge and --connector"),
        (["ab", "--user", "x"], "name either serial numbers, or one of"),
        (["--edge", "x", "--host", "y"], "name either serial numbers, or one of"),
        (["xyz"], "'xyz' is no serial number"),
        (["ab", "--reason", "keyComprimise"], "did you mean keyCompromise?"),
        (["ab", "--reason", "lost"], "one of unspecified, keyCompromise"),
    ],
)
def test_what_cannot_be_meant(logged_in, fake_ca, arguments, message):
    result = logged_in("ca", "revoke", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert fake_ca.requests == []


def test_a_shell_completes_reasons():
    words = {"_PGWARD_COMPLETE": "bash_complete", "COMP_WORDS": "pgward ca revoke --reason ke"}
    result = CliRunner().invoke(
        cli,
        [],
        prog_name="pgward",
        env={**words, "COMP_CWORD": "4"},
        complete_var="_PGWARD_COMPLETE",
    )
    assert result.stdout == "plain,keyCompromise\n"


CRL = {
    "name": "user-issuing",
    "number": 7,
    "this_update": rfc3339(NOW - timedelta(days=10)),
    "next_update": rfc3339(NOW + timedelta(days=6, hours=1)),
    "age_seconds": 600,
    "state": "ok",
    "message": "it lasts until then",
}


def test_the_lists_and_how_long_they_last(logged_in, fake_ca):
    fake_ca.routes["GET /v1/crls"] = {"crls": [CRL]}
    result = logged_in("ca", "crl", "status")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0].split() == ["CA", "NUMBER", "SIGNED", "ENDS", "STATE", "WHY"]
    assert lines[1].split()[:4] == ["user-issuing", "7", "10", "days"]


def test_a_critical_one_is_a_failure(logged_in, fake_ca):
    bad = {**CRL, "name": "server-root", "state": "critical", "message": "it ended at noon"}
    fake_ca.routes["GET /v1/crls"] = {"crls": [CRL, bad]}
    result = logged_in("ca", "crl", "status", "-o", "json")
    assert result.exit_code == 1
    assert '"state": "critical"' in result.stdout
    assert "the revocation list of server-root: it ended at noon" in result.stderr
