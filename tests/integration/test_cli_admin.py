"""`pgward ca token | list | revoke | crl`, `edges` and `audit` at a real CA."""

import json

import pytest

from pgward.client.machine import JoinToken, Machine
from pgward.client.session import Session

pytestmark = pytest.mark.integration


@pytest.fixture
def edge(site, tmp_path):
    name = site.unique("edge")
    token = site.admin.ok("ca", "token", "edge", name)
    machine = Machine.enroll(tmp_path / "edge", token, advertise=f"{name}.test:7432")
    yield machine
    machine.close()


def test_a_token_is_all_of_stdout(site):
    done = site.admin.run("ca", "token", "edge", "e9", "--ttl", "30m")
    assert done.returncode == 0
    token = JoinToken.parse(done.stdout)
    assert (token.url, token.fingerprint) == (site.ca.url, site.ca.fingerprint)
    assert done.stdout.count("\n") == 1
    assert done.stderr == (
        "works once, for 30 minutes; use it with `pgward edge enroll` on the machine e9\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cat", "e1"], "invalid value for '{edge|host|connector}'"),
        (["edge", "E1"], "'E1' cannot be a machine name"),
        (["edge", "e1", "--ttl", "soon"], "'soon' is no duration: write 90s, 30m, 12h or 7d"),
        (["edge", "e1", "--ttl", "1s"], "ttl_seconds must be at least 60"),
        (["edge", "e1", "--dns", "not a name"], "'not a name' is not a DNS name"),
        (["host", "h1", "--ip", "1.2.3"], "'1.2.3' is not an IP address"),
    ],
)
def test_tokens_that_cannot_be(site, arguments, message):
    done = site.admin.run("ca", "token", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_certificates_are_listed_and_revoked(site):
    person = site.person()
    serial = Session.open(person.home).state.serial
    lines = site.admin.ok("ca", "list", "--user", person.name).splitlines()
    assert lines[0].split() == ["SERIAL", "KIND", "NAME", "STATE", "ISSUED", "ENDS"]
    assert lines[1].split()[:4] == [serial, "person", person.name, "active"]
    arguments = ("--reason", "keyCompromise", "--comment", "lost laptop", "-o", "json")
    done = site.admin.run("ca", "revoke", serial, *arguments)
    (told,) = json.loads(done.stdout)
    assert (told["serial"], told["subject"]) == (serial, person.name)
    assert (told["reason"], told["kind"]) == ("keyCompromise", "person")
    assert done.stderr.startswith('{"note": "1 certificate revoked"}\n')
    again = site.admin.run("ca", "revoke", f"00:{serial.upper()}")
    assert again.returncode == 0
    assert again.stderr.startswith("0 certificates revoked\n")
    (found,) = site.admin.data("ca", "list", "--user", person.name, "--state", "revoked")
    assert found["serial"] == serial


@pytest.mark.soak
def test_all_of_a_person_at_once(site):
    person = site.person()
    person.login().close()
    done = site.admin.run("ca", "revoke", "--user", person.name)
    assert done.stderr == (
        "2 certificates revoked\n"
        f"2 login sessions ended; `pgward user block {person.name}` keeps them out\n"
    )
    assert person.run("services").returncode == 4
    assert len(done.stdout.splitlines()) == 3


def test_an_edge_is_cut_off(site, edge):
    done = site.admin.run("ca", "revoke", "--edge", edge.name, "--yes")
    assert done.stderr == "1 certificate revoked\n"
    with pytest.raises(Exception, match=r"revoked|removed"):
        edge.snapshot(0, 0)


def test_the_revocation_lists_are_healthy(site):
    lines = site.admin.ok("ca", "crl", "status").splitlines()
    assert [line.split()[0] for line in lines] == [
        *("CA", "user-root", "user-issuing", "server-root", "server-issuing")
    ]
    assert {row["state"] for row in site.admin.data("ca", "crl", "status")} == {"ok"}


@pytest.mark.soak
def test_a_limit_says_that_there_is_more(site):
    done = site.admin.run("ca", "list", "--limit", "1")
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr.startswith("only the newest 1 are shown; go on with --cursor 20")
    cursor = done.stderr.split()[-1]
    second = site.admin.data("ca", "list", "--limit", "1", "--cursor", cursor)
    assert second == site.admin.data("ca", "list", "--limit", "2")[1:]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "name either serial numbers, or one of --user, --host, --edge and --connector"),
        (["12", "--user", "x"], 2, "name either serial numbers, or one of"),
        (["12"], 1, "there is no certificate '12'"),
        (["--user", "nobody-here"], 1, "there is no user 'nobody-here'"),
        (["12", "--reason", "lost"], 2, "invalid value for '--reason'"),
    ],
)
def test_what_cannot_be_revoked(site, arguments, code, message):
    done = site.admin.run("ca", "revoke", *arguments)
    assert done.returncode == code
    assert done.stderr.startswith(f"pgward: {message}")


def test_edges_are_listed_with_what_they_have(site, edge):
    edge.snapshot(0, 0)
    (row,) = [each for each in site.admin.data("edges") if each["name"] == edge.name]
    assert row["address"] == f"{edge.name}.test:7432"
    lines = site.admin.ok("edges", "list").splitlines()
    assert [line for line in lines if line.startswith(f"{edge.name} ")]


def test_a_removed_edge_is_refused(site, edge):
    assert site.admin.run("edges", "remove", edge.name).stderr == (
        f"removed the edge {edge.name}; 1 certificate revoked\n"
    )
    with pytest.raises(Exception, match=r"revoked|removed"):
        edge.snapshot(0, 0)
    done = site.admin.run("edges", "remove", edge.name)
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        1,
        f"pgward: there is no edge '{edge.name}'",
    )


@pytest.mark.soak
def test_a_removed_host_is_refused_and_its_certificate_revoked(site, tmp_path):
    name = site.unique("db")
    token = site.admin.ok("ca", "token", "host", name, "--dns", f"{name}.test")
    host = Machine.enroll(tmp_path / "host", token, advertise=None)
    (row,) = [each for each in site.admin.data("hosts") if each["name"] == name]
    assert (row["dns"], row["last_seen_at"]) == ([f"{name}.test"], None)
    assert site.admin.run("hosts", "remove", name).stderr == (
        f"removed the host {name}; 1 certificate revoked\n"
    )
    with pytest.raises(Exception, match=r"revoked|removed"):
        host.renew()
    (certificate,) = site.admin.data("ca", "list", "--host", name)
    assert certificate["state"] == "revoked"
    host.close()


def test_the_audit_log_tells_who_did_what(site):
    name = site.service()
    site.admin.ok("delete", "service", name)
    events = site.admin.data("audit", "--actor", "admin", "--action", "service.*")
    mine = [(each["action"], each["outcome"]) for each in events if each["target"] == name]
    assert mine == [("service.apply", "ok"), ("service.delete", "ok")]
    last = events[-1]["seq"]
    assert site.admin.data("audit", "--after", last, "--actor", "admin") == []
    assert site.admin.ok("audit", "--limit", "1").splitlines()[0].split() == [
        *("TIME", "ACTOR", "ACTION", "TARGET", "OUTCOME", "REASON", "FROM")
    ]


@pytest.mark.parametrize(
    "command",
    [
        ["audit"],
        *(pytest.param(each, marks=pytest.mark.soak) for each in (["ca", "list"], ["edges"])),
    ],
)
def test_other_people_see_nothing(site, command):
    done = site.person().run(*command)
    assert (done.returncode, done.stdout) == (3, "")


@pytest.mark.parametrize("command", [["ca", "list"], ["edges"], ["audit"], ["user", "list"]])
def test_without_a_login_nothing_goes(site, command):
    assert site.stranger().run(*command).returncode == 4
