"""What an administrator takes away ends within seconds, with or without the CA meanwhile."""

import contextlib
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from cryptography import x509

from tests.fixtures.edge_process import eventually
from tests.fixtures.tunnel_process import run_client

pytestmark = pytest.mark.integration
SECONDS = 5.0


def cut_in_time(*sessions: psycopg.Connection) -> None:
    """Every session ends within the time that the product promises."""
    begin = time.monotonic()
    for session in sessions:
        eventually(lambda each=session: not answers(each), SECONDS, "a session goes on")
    assert time.monotonic() - begin < SECONDS


def answers(session: psycopg.Connection) -> bool:
    try:
        return session.execute("select 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def revoke(stack, person, _service):
    stack.site.admin.ok("ca", "revoke", "--user", person.name)


def block(stack, person, _service):
    stack.site.admin.ok("user", "block", person.name, "--reason", "left")


def leave_group(stack, person, _service):
    stack.site.admin.ok("group", "remove", "dba", person.name)


def delete_service(stack, _person, service):
    stack.site.admin.ok("delete", "service", service)


def remove_person(stack, person, _service):
    stack.site.admin.ok("user", "remove", person.name)


def log_out(_stack, person, _service):
    person.ok("logout")


CASES = {
    revoke: "your certificate is revoked",
    block: "your account is blocked",
    leave_group: "the service does not exist or is not open to you",
    delete_service: "the service does not exist or is not open to you",
    remove_person: "your account is blocked",
    log_out: "your certificate is revoked",
}


# What the others change leads to the same two answers, which unit tests ask for.
_SHORT = {revoke, block, delete_service, log_out}


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(act, id=act.__name__, marks=() if act in _SHORT else pytest.mark.soak)
        for act in CASES
    ],
)
def test_it_cuts_live_sessions_and_refuses_the_next(stack, act):
    person = stack.person("dba")
    service = stack.service(groups=("dba",), sslMode="disable")
    with stack.tunnel(person, service) as tunnel, tunnel.connect() as first:
        with tunnel.connect() as second:
            act(stack, person, service)
            cut_in_time(first, second)
        tunnel.says(CASES[act], SECONDS)
        said = tunnel.refused()
        assert "FATAL:  pgward: " in said
        assert "HINT:  " in said
    eventually(lambda: stack.audit(actor=person.name, action="session.cut"))


@pytest.mark.soak
@pytest.mark.parametrize("act", [revoke, block], ids=lambda act: act.__name__)
def test_a_session_that_outlived_its_certificate_is_cut_as_well(stack, act):
    """No list names a certificate that has expired, and the person may have no other."""
    group = stack.site.unique("brief")
    spec = {"appliesTo": {"groups": [group]}, "lifetime": "1m", "maxLifetime": "1m"}
    body = {"kind": "CertificateProfile", "metadata": {"name": group}, "spec": spec}
    stack.site.api.put(f"/v1/resources/CertificateProfile/{group}", body)
    person, other = stack.person(group), stack.person(group)
    service = stack.service(groups=(group,), sslMode="disable")
    with (
        stack.tunnel(person, service) as tunnel,
        stack.tunnel(other, service) as others,
        tunnel.connect() as session,
        others.connect() as stays,
    ):
        own = person.home / "identity" / "current" / "login.crt"
        ends = x509.load_pem_x509_certificate(own.read_bytes()).not_valid_after_utc
        eventually(lambda: datetime.now(UTC) > ends + timedelta(seconds=2), 90)
        assert answers(session)
        act(stack, person, service)
        cut_in_time(session)
        assert answers(stays)
    eventually(lambda: stack.audit(actor=person.name, action="session.cut"))


def test_others_go_on(stack):
    one, two = stack.person(), stack.person()
    service = stack.service(one, two)
    with (
        stack.tunnel(one, service) as first,
        stack.tunnel(two, service) as second,
        first.connect() as cut,
        second.connect() as kept,
    ):
        stack.revoke(one)
        cut_in_time(cut)
        assert answers(kept)
        assert second.psql("select 1") == "1"


@pytest.mark.soak
def test_a_revoked_person_is_back_after_a_new_login(stack):
    person = stack.person()
    with stack.tunnel(person) as tunnel:
        stack.revoke(person)
        tunnel.says("your certificate is revoked", SECONDS)
        tunnel.refused()
        person.login().close()
        assert tunnel.psql("select 1") == "1"


def test_the_first_connection_after_a_new_login_is_let_in(stack):
    person = stack.person()
    with stack.tunnel(person) as tunnel:
        stack.site.admin.ok("user", "block", person.name)
        tunnel.says("your account is blocked", SECONDS)
        stack.site.admin.ok("user", "unblock", person.name)
        person.login().close()
        assert tunnel.psql("select 1") == "1"


def test_sessions_outlive_the_ca_and_a_revocation_comes_when_it_is_back(own_stack):
    person, other = own_stack.person(), own_stack.person()
    service = own_stack.service(person, other)
    with (
        own_stack.tunnel(person, service) as tunnel,
        own_stack.tunnel(other, service) as others,
        contextlib.ExitStack() as stack,
    ):
        sessions = [stack.enter_context(tunnel.connect()) for _ in range(50)]
        kept = stack.enter_context(others.connect())
        own_stack.site.ca.kill()
        assert all(answers(session) for session in sessions)
        assert tunnel.psql("select 1") == "1"
        own_stack.site.restart()
        own_stack.edge.says("connected to the CA")
        own_stack.revoke(person)
        cut_in_time(*sessions)
        assert answers(kept)
        assert "revoked" in tunnel.refused()


def test_an_edge_that_starts_without_its_ca_serves_from_disk(own_stack):
    person = own_stack.person()
    service = own_stack.service(person)
    with own_stack.tunnel(person, service) as tunnel:
        own_stack.site.ca.kill()
        own_stack.edge.kill()
        own_stack.edge.restart()
        eventually(lambda: run_client("psql", "-d", tunnel.conninfo, "-c", "").returncode == 0)
        with tunnel.connect() as session:
            own_stack.site.restart()
            own_stack.revoke(person)
            cut_in_time(session)
    events = eventually(lambda: own_stack.audit(actor=person.name, action="session.open"))
    assert events[0]["target"] == service


@pytest.mark.soak
def test_a_damaged_snapshot_is_not_used(own_stack):
    person = own_stack.person()
    service = own_stack.service(person)
    edge = own_stack.edge
    edge.stop()
    kept = edge.directory / "snapshot.jws"
    kept.write_text(kept.read_text()[:-20])
    edge.restart()
    assert "the kept snapshot" in edge.messages()
    with own_stack.tunnel(person, service) as tunnel:
        assert tunnel.psql("select 1") == "1"
