"""A grant in front of a real PostgreSQL, at real edges: it opens, and it ends, in each mode."""

import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.fixtures.agent_process import agent
from tests.fixtures.edge_process import eventually
from tests.fixtures.store_grants import StoreGrants
from tests.integration.aware.test_completeness import straight

pytestmark = pytest.mark.integration
SECONDS = 5.0
ENDED = "your access to {} has ended"


@pytest.fixture
def granting(stack):
    return StoreGrants(stack.site)


def lets_in(where: str) -> bool:
    try:
        psycopg.connect(where).close()
    except psycopg.OperationalError:
        return False
    return True


def cut(session: psycopg.Connection, left: float = 0) -> str:
    """Return in which words a session is cut, within the time that the product promises."""
    said: list[str] = []

    def is_cut() -> bool:
        try:
            session.execute("select 1")
        except psycopg.OperationalError as error:
            said.append(str(error))
        return bool(said)

    eventually(is_cut, left + SECONDS, "a session goes on")
    return said[0]


@pytest.mark.soak
def test_a_tunnel_opens_with_a_grant_and_closes_with_it(stack, granting):
    person, other = stack.person("analysts"), stack.person("analysts")
    service = stack.service(other, sslMode="disable")
    assert person.data("services") == []
    grant = granting.give(person, service, seconds=600)
    (listed,) = person.data("services")
    assert (listed["name"], listed["access"]["names"]) == (service, ["reading"])
    with stack.tunnel(person, service) as tunnel:
        eventually(lambda: lets_in(tunnel.conninfo))
        with tunnel.connect() as session, stack.tunnel(other, service) as others:
            granting.change(grant, state="ending")
            cut(session)
            tunnel.says(ENDED.format(service))
            assert others.psql("select 1") == "1"
        assert "the service does not exist or is not open to you" in tunnel.refused()
    eventually(lambda: stack.audit(actor=person.name, action="session.cut", reason="access_ended"))


@pytest.mark.soak
def test_a_session_ends_in_time_though_the_ca_is_away(own_stack):
    person = own_stack.person("analysts")
    service = own_stack.service(sslMode="disable")
    granting = StoreGrants(own_stack.site)
    granting.give(person, service, seconds=6)
    began = time.monotonic()
    with own_stack.tunnel(person, service) as tunnel:
        eventually(lambda: lets_in(tunnel.conninfo))
        with tunnel.connect() as session:
            own_stack.site.ca.kill()
            eventually(lambda: time.monotonic() - began > 4, 6)
            assert session.execute("select 1").fetchone() == (1,)
            cut(session)
    assert time.monotonic() - began < 6 + SECONDS


def test_an_aware_session_lands_as_the_access_role_and_is_told_of_its_end(stack, granting):
    person = stack.person("analysts")
    role = person.name  # by which PostgreSQL knows the person's certificate without a map
    service = stack.aware(
        postgres={
            "user": {"fromGrant": True},
            "auth": {"certificate": {"minutes": 5}},
            "sslMode": "verify-full",
            "serverName": "db1.test",
            "policy": {
                "rules": [
                    {
                        "name": "granted",
                        "effect": "ALLOW",
                        "condition": "'shop-reading' in ctx.user.grants",
                    }
                ]
            },
        },
        limits={"warnBefore": "1h"},
    )
    where = straight(person, stack.edge, service.name)
    assert not lets_in(where)
    grant = granting.give(person, service.name, seconds=120, role=role, names=["shop-reading"])
    eventually(lambda: lets_in(where))
    with psycopg.connect(where, autocommit=True) as session:
        notices: list[str] = []
        session.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        found = session.execute(
            "select session_user, client_dn from pg_stat_ssl where pid = pg_backend_pid()"
        ).fetchone()
        assert found == (role, f"/CN={role}")
        eventually(lambda: session.execute("select 1") and notices)
        assert notices[0].startswith("your access ends in")
        granting.change(grant, ends_at=datetime.now(UTC) + timedelta(seconds=2))
        assert ENDED.format(service.name) in cut(session)
    assert not lets_in(where)


@pytest.mark.soak
def test_of_two_grants_the_one_that_ends_takes_its_part(stack, granting):
    """The policy wants writing; reading goes on, and lets nobody in here."""
    person = stack.person("analysts")
    writing = {"name": "w", "effect": "ALLOW", "condition": "'writing' in ctx.user.grants"}
    service = stack.aware(postgres={"policy": {"rules": [writing]}})
    where = straight(person, stack.edge, service.name)
    granting.give(person, service.name, seconds=600, names=["reading"])
    granting.give(person, service.name, seconds=6, names=["writing"])
    eventually(lambda: lets_in(where), 4)
    with psycopg.connect(where, autocommit=True) as session:
        assert "no rule" in cut(session, 6)
    assert not lets_in(where)


def open_flow(stack, person, service: str) -> str:
    """Let somebody ask for a service; return the flow's name."""
    flow = {
        "services": [service],
        "who": {"users": [person.name]},
        "maxDuration": "2h",
        "defaultDuration": "1h",
        "reason": "required",
        "approvals": [],
    }
    name = stack.site.unique("flow")
    body = {"kind": "AccessFlow", "metadata": {"name": name}, "spec": flow}
    stack.site.api.put(f"/v1/resources/accessflow/{name}", body)
    return name


def revoke(stack, service: str) -> None:
    """Take the one grant of a service away, as the administrator."""
    (found,) = stack.site.api.get(f"/v1/access/grants?service={service}")["grants"]
    stack.site.api.post(f"/v1/access/requests/{found['id']}/revoke", {"reason": "enough"})


def test_what_is_asked_for_by_command_opens_a_service_and_ends_with_a_word(stack):
    person = stack.person("analysts")
    service = stack.service(sslMode="disable")
    name = open_flow(stack, person, service)
    refused = person.run("psql", service, "--", "-c", "select 1")
    assert refused.returncode != 0
    asked = person.run("request", service, "--for", "1h", "--reason", "TICKET-7", "-o", "json")
    assert asked.returncode == 0, asked.stderr
    with stack.tunnel(person, service) as tunnel:
        eventually(lambda: lets_in(tunnel.conninfo))
        with tunnel.connect() as session:
            revoke(stack, service)
            cut(session)
        assert "not open to you" in tunnel.refused()

    def opened() -> list[list[str]]:
        found = stack.audit(actor=person.name, action="session.open", outcome="ok")
        return [each["details"].get("grants") for each in found]

    eventually(opened)
    assert set(map(tuple, opened())) == {(name,)}


@pytest.mark.soak
@pytest.mark.parametrize("by_agent", [False, True])
def test_people_hear_ahead_that_access_ends_and_then_why(stack, by_agent):
    """From their tunnel, in its terminal, or from their agent: on the desktop, or in its log."""
    person = stack.person("analysts")
    service = stack.service(sslMode="disable")
    open_flow(stack, person, service)
    person.ok("request", service, "--for", "320s", "--reason", "TICKET-7")
    with agent(person) if by_agent else stack.tunnel(person, service) as running:
        if by_agent:
            person.ok("connect", service)
        running.says(f"your access to {service} ends in 5 minutes", 60)
        revoke(stack, service)
        ended = ENDED.format(service)
        running.says(f"{ended}: it was revoked, by " if by_agent else ended)
