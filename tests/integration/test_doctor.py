"""`pgward doctor` on a whole stack: each link is broken in turn, and that link is named."""

import json
import os
import socket
import time

import pytest

from tests.fixtures.ca import environment
from tests.fixtures.ca_process import pgward
from tests.fixtures.edge_process import eventually, quiet_port
from tests.fixtures.stack import DATABASE

pytestmark = pytest.mark.integration


def doctor(person, *arguments, **more):
    """Run it; return exit status, and what it found."""
    env = {**environment(person.home), **more}
    done = pgward("doctor", *arguments, "-o", "json", env=env)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def finding(found, check):
    (mine,) = [each for each in found["findings"] if each["check"] == check]
    return mine


@pytest.fixture(scope="module")
def alice(stack):
    return stack.person()


@pytest.fixture(scope="module")
def service(stack, alice):
    return stack.service(alice)


def test_nothing_is_broken(alice, service):
    code, found = doctor(alice, service)
    assert (code, found["healthy"], found["broken"]) == (0, True, None)
    assert {each["status"] for each in found["findings"]} == {"ok"}
    assert finding(found, "postgresql")["what"].endswith(
        f"lets {alice.name} into the database {DATABASE}"
    )


@pytest.mark.soak
def test_people_read_it_as_a_list(alice, service):
    done = alice.run("doctor", service)
    assert done.returncode == 0
    assert f"ok    login           {alice.name} at " in done.stdout
    assert done.stderr == f"nothing is broken on the way to {service}\n"


@pytest.mark.soak
def test_without_a_service_it_looks_up_to_the_ca(alice):
    code, found = doctor(alice)
    assert (code, found["findings"][-1]["check"]) == (0, "revocation")


def test_somebody_who_never_logged_in(stack):
    code, found = doctor(stack.site.stranger(), "shop")
    assert (code, found["broken"]) == (4, "home")


@pytest.mark.soak
def test_a_service_that_is_not_for_one(alice):
    code, found = doctor(alice, "nothing-of-the-kind")
    assert (code, found["broken"]) == (1, "service")


@pytest.mark.soak
def test_a_service_that_is_closed_to_one_while_the_ca_is_not_asked(stack, alice):
    bob = stack.person(word="bob")
    name = stack.service(bob)
    assert bob.run("doctor", name).returncode == 0
    stack.service(alice, name=name)
    kept = bob.home / "services.json"
    told = json.loads(kept.read_text())
    assert told["services"][0]["name"] == name
    # Through a proxy that is not there the CA is away, and what it said last counts.
    proxy = {"HTTPS_PROXY": "http://127.0.0.1:1"}
    eventually(lambda: finding(doctor(bob, name, **proxy)[1], "edge")["status"] == "fail")
    code, found = doctor(bob, name, **proxy)
    assert finding(found, "proxy")["status"] == "warn"
    assert finding(found, "ca_tcp")["status"] == "fail"
    assert finding(found, "service")["status"] == "warn"
    assert finding(found, "edge")["what"] == "the service does not exist or is not open to you"
    assert (code, found["broken"]) == (1, "ca_tcp")


def test_an_upstream_that_is_away(stack, alice):
    name = stack.service(alice, upstream={"host": "127.0.0.1", "port": quiet_port()})
    code, found = doctor(alice, name)
    assert (code, found["broken"]) == (1, "upstream")
    assert "refused" in finding(found, "upstream")["what"].lower()


@pytest.mark.soak
def test_a_role_that_is_missing(stack):
    carol = stack.site.person(word="carol")
    code, found = doctor(carol, stack.service(carol))
    assert (code, found["broken"]) == (3, "postgresql")
    mine = finding(found, "postgresql")
    assert mine["what"] == f'PostgreSQL says: role "{carol.name}" does not exist'
    assert "the role is missing" in mine["why"]


@pytest.mark.soak
def test_a_database_that_is_missing(alice, service):
    code, found = doctor(alice, service, "--database", "nothing")
    assert (code, found["broken"]) == (1, "postgresql")
    assert 'database "nothing" does not exist' in finding(found, "postgresql")["what"]


@pytest.mark.soak
def test_a_server_of_another_name(stack, alice):
    name = stack.service(alice, serverName="db9.test")
    code, found = doctor(alice, name)
    assert (code, found["broken"]) == (1, "postgresql_tls")
    assert "Hostname mismatch" in finding(found, "postgresql_tls")["what"]


@pytest.mark.soak
def test_postgresql_itself_past_the_edge(stack, alice, service):
    address = f"127.0.0.1:{stack.cluster.port}"
    code, found = doctor(alice, service, "--host", address)
    assert (code, found["broken"]) == (0, None)
    assert "edge" not in {each["check"] for each in found["findings"]}


def test_a_blocked_person(stack):
    eve = stack.person(word="eve")
    name = stack.service(eve)
    stack.site.admin.ok("user", "block", eve.name)
    code, found = doctor(eve, name)
    assert code in {3, 4}
    assert found["broken"] == "session_at_ca"


def test_no_edge_listens(stack, alice):
    """The CA tells of an edge, and nothing is there."""
    edge = stack.new_edge()
    name = stack.service(alice, edges=(edge,))
    edge.close()
    code, found = doctor(alice, name)
    assert (code, found["broken"]) == (1, "edge_tcp")
    assert "connection refused" in finding(found, "edge_tcp")["what"]


def test_it_never_hangs_on_an_edge_that_says_nothing(alice, service):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        code, found = doctor(alice, service, "--host", address, "--seconds", "1")
        assert time.monotonic() - began < 8
    assert (code, found["broken"]) == (1, "upstream")
    assert "timed out" in finding(found, "upstream")["what"]


@pytest.mark.soak
def test_a_port_that_another_program_took(alice, service):
    with socket.create_server(("127.0.0.1", 0)) as taker:
        port = taker.getsockname()[1]
        (alice.home / "ports.json").write_text(json.dumps({service: port}))
        _, found = doctor(alice, service)
    (alice.home / "ports.json").unlink()
    mine = finding(found, "tunnel")
    assert mine["status"] == "warn"
    assert f"its port {port} is taken by" in mine["what"]
    assert str(os.getpid()) in mine["what"]


def test_an_open_tunnel_is_seen(stack, alice, service):
    with stack.tunnel(alice, service) as opened:
        _, found = doctor(alice, service)
        assert finding(found, "tunnel")["what"].startswith(
            f"a tunnel is open at 127.0.0.1:{opened.port}"
        )


def test_no_secret_is_said(alice, service):
    secrets = {"PGPASSWORD": "hunter2secret", "PGOPTIONS": "-c my.key=hunter2secret"}
    token = next(alice.home.glob("identity/*/token")).read_text()
    env = {**environment(alice.home), **secrets, "HTTPS_PROXY": "http://u:hunter2secret@[::1]:1"}
    for arguments in ((), ("-o", "json")):
        done = pgward("doctor", service, *arguments, env=env)
        for secret in ("hunter2secret", token, "PRIVATE KEY"):
            assert secret not in done.stdout + done.stderr
    assert done.returncode == 1


@pytest.mark.soak
def test_a_message_is_explained(alice):
    text = "connection to server failed: SSL error: tlsv1 alert unknown ca\n"
    said = alice.ok("doctor", "--explain", "-", stdin=text)
    assert "a revocation list of one of its CAs is missing or has expired" in said
    told = json.loads(alice.ok("doctor", "--explain", text, "-o", "json"))
    assert told["name"] == "unknown_ca"
    unknown = alice.run("doctor", "--explain", "the moon is full")
    assert (unknown.returncode, unknown.stdout) == (2, "")
