"""Policies, kept by a real edge in front of a real PostgreSQL."""

import psycopg
import pytest
import yaml

from tests.integration.aware.test_services import psql_error

pytestmark = pytest.mark.integration

READS = {
    "name": "reads",
    "effect": "ALLOW",
    "on": "statement",
    "condition": "ctx.request.postgres.statement.reads",
}
POLICIES = {
    "read-only": {"statements": {"default": "DENY"}, "rules": [READS]},
    "not-bob": {
        "connect": {"default": "ALLOW"},
        "rules": [
            {
                "name": "database",
                "effect": "DENY",
                "condition": "ctx.request.postgres.connect.database == 'postgres'",
                "reason": "that one is for administrators",
            }
        ],
    },
}


@pytest.fixture(scope="module")
def tunnel(stack):
    person = stack.person("analysts")
    documents = [
        {"kind": "Policy", "metadata": {"name": name}, "spec": spec}
        for name, spec in POLICIES.items()
    ]
    stack.site.admin.ok("apply", "-f", "-", stdin=yaml.safe_dump_all(documents))
    block = {
        "policies": list(POLICIES),
        "database": {"allow": ["app", "postgres"], "default": "app"},
    }
    service = stack.aware(person, postgres=block)
    stack.cluster.psql("CREATE TABLE IF NOT EXISTS public.ruled (a int)", database="app")
    with stack.tunnel(person, service.name) as running:
        yield running


@pytest.fixture
def session(tunnel):
    with psycopg.connect(tunnel.conninfo, autocommit=True) as opened:
        yield opened


def in_one_go(session: psycopg.Connection, *texts: str) -> None:
    with session.pipeline():
        for each in texts:
            session.execute(each, [1])


DENIED = "no rule of policy read-only allows it"


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO ruled VALUES (1)",
        "WITH x AS (DELETE FROM ruled RETURNING *) SELECT * FROM x",
        "SELECT 1; CREATE TABLE other ()",
        "SELECT nextval('s')",
        "DO 'BEGIN END'",
        r"SELECT 'a\'; DELETE FROM ruled; --'",
    ],
)
def test_what_writes_is_denied_and_the_session_goes_on(session, text):
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match=DENIED):
        session.execute(text)
    assert session.execute("SELECT 1").fetchone() == (1,)


def test_prepared_and_pipelined_statements_are_ruled(session):
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match=DENIED):
        session.execute("INSERT INTO ruled VALUES (%s)", [1], prepare=True)
    assert session.execute("SELECT %s::int", [7], prepare=True).fetchone() == (7,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match=DENIED):
        in_one_go(session, "SELECT %s::int", "DELETE FROM ruled WHERE a = %s", "SELECT %s::int")
    assert session.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("size", [20_000, 200_000, 1_000_000])
@pytest.mark.parametrize("prepare", [False, True])
def test_large_statements_are_ruled_by_all_that_is_in_them(session, size, prepare):
    padding = "x" * size
    many = f"SELECT 1 WHERE 1 IN ({', '.join(map(str, range(size // 12)))})"
    for text in (f"SELECT length('{padding}')", f"SELECT 1 /* {padding} */", many):
        assert session.execute(text, prepare=prepare).rowcount == 1
    for text in (
        f"WITH a AS (DELETE FROM ruled RETURNING '{padding}') SELECT * FROM a",
        f"/* {padding} */ DELETE FROM ruled",
        f"INSERT INTO ruled VALUES (1){', (2)' * (size // 12)}",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=DENIED):
            session.execute(text, prepare=prepare)
    assert session.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SELECT 1" + ", a" * 10_000, "it is longer than 16384 bytes without its literals"),
        ("SELECT U&'" + "x" * 100_000 + "'", "it is longer than 16384 bytes, and not plain"),
        ("SELECT 1 /*" + "x" * 2_000_000 + "*/", "it is too long"),
    ],
)
def test_what_is_too_long_to_be_read_is_denied(session, text, why):
    said = f"policy read-only denies what cannot be read: {why}"
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match=said):
        session.execute(text)
    assert session.execute("SELECT 1").fetchone() == (1,)


def test_a_connection_is_denied_with_the_rules_reason(tunnel):
    said = psql_error(tunnel.conninfo, dbname="postgres")
    assert "that one is for administrators" in said


KEPT = [
    "ALTER ROLE current_user PASSWORD 'mine'",
    "ALTER USER \"{role}\" VALID UNTIL 'yesterday'",
    'ALTER ROLE "{role}" SET search_path TO mine',
    "DO $$BEGIN EXECUTE format('ALTER ROLE %I PASSWORD NULL', current_user); END$$",
]


def test_the_role_that_people_land_as_is_not_theirs_to_change(stack):
    person = stack.person()
    service = stack.aware(person)
    with (
        stack.tunnel(person, service.name) as running,
        psycopg.connect(running.conninfo, autocommit=True) as session,
    ):
        said = f"people land here as {service.role}, so it is not changed here"
        for prepare in (False, True):
            for text in KEPT:
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match=said) as caught:
                    session.execute(text.format(role=service.role), prepare=prepare)
                assert caught.value.diag.message_detail == "pgward's rule protectRole denies it"
        session.execute("CREATE TABLE IF NOT EXISTS altered ()")
        session.execute("ALTER TABLE altered ADD COLUMN IF NOT EXISTS a int")
    with stack.tunnel(person, service.name) as running, psycopg.connect(running.conninfo):
        pass  # its password is what it was


@pytest.mark.parametrize("size", [100_000, pytest.param(3_000_000, marks=pytest.mark.soak)])
def test_a_change_of_the_role_at_the_end_of_a_large_text_does_not_happen(stack, size):
    person = stack.person()
    service = stack.aware(person)
    change = f"SELECT '{'x' * size}'; ALTER ROLE {service.role} NOLOGIN"
    with stack.tunnel(person, service.name) as running:
        session = psycopg.connect(running.conninfo, autocommit=True)
        with pytest.raises(psycopg.Error, match="people land here as"):
            session.execute(change)
        session.close()
        with psycopg.connect(running.conninfo) as again:
            assert again.execute("SELECT 1").fetchone() == (1,)


def test_a_service_may_leave_its_role_to_people(stack):
    person = stack.person()
    service = stack.aware(person, postgres={"protectRole": False})
    with (
        stack.tunnel(person, service.name) as running,
        psycopg.connect(running.conninfo, autocommit=True) as session,
    ):
        session.execute("ALTER ROLE current_user SET work_mem TO '5MB'")
