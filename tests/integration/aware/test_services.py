"""What a service in ``mode: postgres`` says, kept by a real edge, as people's commands see it."""

import json

import psycopg
import pytest

from tests.fixtures.edge_process import eventually
from tests.fixtures.tunnel_process import psql
from tests.fixtures.upstream_servers import unused
from tests.integration.test_tunnel_clients import cancelled

pytestmark = pytest.mark.integration

WHO = "select session_user, current_database(), current_setting('application_name')"
BY = """select usename, client_dn from pg_stat_activity join pg_stat_ssl using (pid)
    where pid = pg_backend_pid()"""


@pytest.fixture(scope="module")
def person(stack):
    return stack.person("analysts")


@pytest.fixture(scope="module")
def service(stack, person):
    return stack.aware(person)


def test_every_command_leads_there(stack, person, service):
    listed = {each["name"]: each for each in person.data("services")}[service.name]
    assert (listed["mode"], listed["ssl_mode"], listed["database"]) == (
        *("postgres", "disable"),
        "app",
    )
    assert listed["server_name"] == service.name
    found = person.ok("psql", service.name, "--", "-XAtqc", WHO)
    assert found == f"{service.role}|app|{person.name} via pgward: psql\n"
    config = person.data("config", "show", service.name)
    assert (config["sslmode"], config["host"]) == ("disable", service.name)
    done = person.run("config", "show", service.name, "--native")
    assert "is reached through an edge only (mode: postgres)" in done.stderr
    told = person.ok("doctor", service.name)
    assert "the edge speaks PostgreSQL itself (mode: postgres), inside the link's TLS" in told
    row = stack.site.admin.ok("get", "service", service.name).splitlines()[1].split()
    assert row[:3] == [service.name, "postgres", f"127.0.0.1:{stack.cluster.port}"]


def test_a_client_on_a_unix_socket_lands_there_too(stack, person, service):
    with stack.tunnel(person, service.name, "--socket") as tunnel:
        assert tunnel.psql(WHO).startswith(f"{service.role}|app|")


def test_postgresql_itself_checks_the_certificate_of_each_person(stack, person):
    block = {
        "user": {"fromPerson": True},
        "auth": {"certificate": {"minutes": 5}},
        "sslMode": "verify-full",
        "serverName": "db1.test",
    }
    service = stack.aware(person, postgres=block)
    with stack.tunnel(person, service.name) as tunnel:
        assert tunnel.psql(BY) == f"{person.name}|/CN={person.name}"
        refused = psql_error(tunnel.conninfo, user="postgres")
        with psycopg.connect(tunnel.conninfo, autocommit=True) as session:
            assert cancelled(session)
    assert "you may not connect as the user 'postgres'" in refused


def psql_error(conninfo: str, **options: str) -> str:
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(conninfo, **options)
    return str(caught.value)


@pytest.mark.soak
def test_one_name_leads_where_the_rules_say(stack, person):
    stack.cluster.psql("create role loader login in role people")
    loader = {
        "user": {"force": "loader"},
        "auth": {"none": True},
        "database": {"force": "postgres"},
    }
    rules = [{"match": "'loaders' in ctx.user.groups", "config": "loader"}]
    other = stack.person("loaders")
    service = stack.aware(person, other, postgres={"configs": {"loader": loader}, "rules": rules})
    with stack.tunnel(person, service.name) as tunnel:
        assert tunnel.psql(WHO).startswith(f"{service.role}|app|")
    with stack.tunnel(other, service.name) as tunnel:
        assert tunnel.psql(WHO).startswith("loader|postgres|")


def test_clients_choose_among_what_is_allowed(stack, person):
    block = {
        "database": {"allow": ["app", "postgres"], "default": "app"},
        "parameters": {"set": {"work_mem": "5MB"}, "forbid": ["statement_timeout"]},
    }
    service = stack.aware(person, postgres=block)
    with stack.tunnel(person, service.name) as tunnel:
        plain = tunnel.conninfo
        asked = "select current_database(), current_setting('work_mem')"
        assert psql(plain, asked) == "app|5MB"
        assert psql(f"{plain} dbname=postgres options='-c work_mem=9MB'", asked) == "postgres|5MB"
        assert "you may not connect to the database 'template1'" in psql_error(
            plain, dbname="template1"
        )
        assert "this service forbids the parameter statement_timeout" in psql_error(
            plain, options="--statement-timeout=0"
        )


def test_a_reason_may_be_asked_for(stack, person):
    service = stack.aware(person, postgres={"reasonRequired": True})
    with stack.tunnel(person, service.name) as tunnel:
        assert "this service asks why you connect" in psql_error(tunnel.conninfo)
        said = "-c pgward.reason=TICKET-7"
        assert psql(f"{tunnel.conninfo} options='{said}'", "select 1") == "1"


def test_a_database_that_is_away_is_passed_over_and_told_of(stack, person):
    away = unused()
    servers = [{"host": away.host, "port": away.port}]
    here = {"host": "127.0.0.1", "port": stack.cluster.port}
    block = {"upstreams": [*servers, here], "targetSessionAttrs": "read-write"}
    service = stack.aware(person, upstream=None, postgres=block)
    with stack.tunnel(person, service.name) as tunnel:
        assert tunnel.psql("select 1") == "1"
    gone = stack.aware(person, upstream=None, postgres={"upstreams": servers})
    with stack.tunnel(person, gone.name) as tunnel:
        assert f"cannot reach the database at {away}: Connection refused" in psql_error(
            tunnel.conninfo
        )


def test_a_policy_that_is_gone_lets_nobody_in(stack, person):
    service = stack.aware(person, postgres={"policies": ["no-such-policy"]})
    with stack.tunnel(person, service.name) as tunnel:
        assert "the service's policy no-such-policy does not exist" in psql_error(tunnel.conninfo)


def test_the_snapshot_on_disk_names_secrets_and_has_none(stack, service):
    block = next(
        each["postgres"]
        for each in stack.edge.snapshot()["services"]
        if each["name"] == service.name
    )
    assert block["default"]["auth"] == {"password": {"from_secret": service.name}}
    assert service.password not in json.dumps(stack.edge.snapshot())


@pytest.mark.usefixtures("service")
def test_the_edge_tells_how_the_databases_are(stack, person):
    directory = stack.edge.directory
    eventually((directory / "health.json").exists, what="nothing was asked")
    told = person.data("edge", "status", directory)["databases"]
    assert all(each["ok"] or "cannot reach" in each["problem"] for each in told)
    assert told != []
    path = f"/v1/edges/{directory.name}/databases"

    def known():
        return {each["service"] for each in stack.site.api.get(path)["databases"]}

    eventually(lambda: {each["service"] for each in told} <= known(), what="the CA was told")
