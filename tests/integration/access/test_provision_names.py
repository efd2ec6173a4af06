"""No name that a person or a database can choose means anything but itself."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgward.access.quoting import identifier, is_name
from pgward.access.rights import ObjectKind, ObjectRights, Rights
from pgward.access.wanted import Grant
from pgward.connector.discovering import discover
from tests.fixtures.access_server import BUNDLES, LATER, AccessServer, grant
from tests.fixtures.rights import all_rights, connect

NASTY = [
    'a"b',
    "a'b",
    "a\\b",
    "a\\'; drop role app; --",
    'x"; drop table billing.orders; --',
    "$$; select 1; $$",
    "%s %(names)s %%",
    "{0} {user}",
    "select",
    "USER",
    "CURRENT_USER",
    "session_user",
    "a.b",
    "a,b",
    "a;b",
    "-- a",
    "/* a",
    " a ",
    "a\nb\tc",
    "\x01\x7f",
    "\u00dcn\u00ef\u202ec\u00f6d\u00e9",
    "\u0435",  # Cyrillic
    "☃" * 21,
    "x" * 63,
    "*",
    "a*b",
    "_%",
    "+all",
    "all",
]
NAMES = st.text(
    st.one_of(
        st.sampled_from("\"'\\;$%{}.,*_- \n/"),
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
    ),
    min_size=1,
    max_size=20,
).filter(lambda name: is_name(name) and not name.startswith("pg_"))


def _make(server: AccessServer, name: str) -> Rights:
    """Make one of each kind of object of a name; return rights on them."""
    quoted = identifier(name)
    kind = f"{quoted}.{identifier(name[:15] + '!')}"
    server.run(
        "set role app",
        f"create schema {quoted}",
        f"create table {quoted}.{quoted} ({quoted} int)",
        f"create sequence {quoted}.{identifier(name[:15] + '#')}",
        f"create type {kind} as enum ('a')",
        f"create function {quoted}.{quoted}({kind}) returns int language sql as 'select 1'",
    )
    wanted: list[tuple[ObjectKind, str, str, str, bool]] = [
        ("schema", "", name, "USAGE", False),
        ("table", name, name, "SELECT", False),
        ("table", name, "*", "INSERT", True),
        ("sequence", name, "*", "USAGE", True),
        ("function", name, "*", "EXECUTE", True),
    ]
    return Rights(
        objects=frozenset(
            ObjectRights(server.shop, kind, schema, pattern, (privilege,), future)
            for kind, schema, pattern, privilege, future in wanted
        )
    )


def _lives_and_ends(server: AccessServer, names: list[str], roles: list[str]) -> None:
    """Grant on things of these names to roles of these names, and take it away."""
    rights = {name: _make(server, name) for name in names}
    before = all_rights(server.cluster)
    BUNDLES["b"] = Rights(objects=frozenset().union(*(each.objects for each in rights.values())))
    made = server.reconcile(
        *(
            grant(f"p{number}", role=role, bundles=frozenset({"b"}))
            for number, role in enumerate(roles)
        )
    )
    assert made.failed == {}
    for role in roles:
        assert server.ask("select current_user::text", user=role) == [(role,)]
    for name in names:
        quoted = identifier(name)
        assert server.ask(f"select count(*) from {quoted}.{quoted}", user=roles[0]) == [(0,)]
    assert server.reconcile().left == frozenset()
    assert all_rights(server.cluster) == before


def test_names_that_look_like_sql_are_names(server: AccessServer) -> None:
    _lives_and_ends(server, NASTY, NASTY)


@pytest.mark.soak
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(name=NAMES)
def test_any_name_is_a_name(server: AccessServer, name: str) -> None:
    _lives_and_ends(server, [name], ["alice"])
    server.run(f"drop schema {identifier(name)} cascade")


@pytest.mark.parametrize("database", ['shop"; drop role app; --', "shop's \\ Ünï * %s"])
def test_databases_may_be_called_anything(server: AccessServer, database: str) -> None:
    _database(server, identifier(database), database)
    before = all_rights(server.cluster)
    made = server.reconcile(grant("alice", _tables(database)))
    assert (made.failed, made.problems) == ({}, ())
    assert server.ask("select * from public.t", user="alice", database=database) == []
    assert server.reconcile().left == frozenset()
    assert all_rights(server.cluster) == before


def test_people_are_quoted_in_marks(server: AccessServer) -> None:
    one = Grant("g", "o'hara\\' \" $$", "ohara", LATER)
    assert server.reconcile(one).active == {"g"}
    assert server.reconcile(one).statements == ()
    assert server.reconcile().left == frozenset()


def test_a_name_that_is_no_text_is_what_its_bytes_are(server: AccessServer) -> None:
    _database(server, "shop_bytes", "shop_bytes", "encoding 'SQL_ASCII' template template0")
    mean = b'"\xe9""; drop table public.t; --"'
    with connect(server.cluster, "postgres", "shop_bytes") as connection:
        connection.execute("set client_encoding to 'SQL_ASCII'; set role app")
        connection.execute(b"create table public.%s (%s int)" % (mean, mean))
    made = server.reconcile(grant("alice", _tables("shop_bytes")))
    assert (made.active, made.problems) == ({"g-alice"}, ())
    with connect(server.cluster, "alice", "shop_bytes") as connection:
        connection.execute("set client_encoding to 'SQL_ASCII'")
        assert connection.execute(b"select %s from public.%s" % (mean, mean)).fetchall() == []
    with connect(server.cluster, "postgres", "shop_bytes") as connection:
        connection.execute("set client_encoding to 'SQL_ASCII'; set role app")
        connection.execute(b"grant update (%s) on public.%s to alice" % (mean, mean))
    mended = server.reconcile(grant("alice", _tables("shop_bytes")), before=made.desired)
    assert [each.mended for each in mended.drift] == [True]
    assert server.reconcile().problems == ()
    assert server.ask("select * from public.t", database="shop_bytes") == []


def _tables(database: str) -> Rights:
    return Rights(
        objects=frozenset(
            {
                ObjectRights(database, "database", "", "", ("CONNECT", "TEMPORARY")),
                ObjectRights(database, "table", "public", "*", ("SELECT",), future=True),
            }
        )
    )


def _database(server: AccessServer, quoted: str, database: str, options: str = "") -> None:
    server.run(f"create database {quoted} owner app {options}", database="postgres")
    server.run(
        "grant create, usage on schema public to app",
        "set role app",
        "create table public.t (id int)",
        database=database,
    )


CAFE = "caf\u00e9"
LATIN1 = "encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0"


def test_names_that_are_longer_as_utf_8_are_whole(server: AccessServer) -> None:
    """A person's own grant on such a column once hindered the end of all others' rights."""
    _database(server, "shop_latin", "shop_latin", LATIN1)
    long = "\u00e9" * 63
    with connect(server.cluster, "postgres", "shop_latin") as connection:
        connection.execute(f'set role app; create table public."{long}" ("{long}" int)'.encode())
    given = [grant("alice", _tables("shop_latin")), grant("bob", _tables("shop_latin"))]
    made = server.reconcile(*given)
    assert made.problems == ()
    assert server.ask(f'select "{long}" from "{long}"', user="bob", database="shop_latin") == []
    with connect(server.cluster, "postgres", "shop_latin") as connection:
        lent = f'set role app; grant update ("{long}") on public."{long}" to bob'
        connection.execute(lent.encode())
    mended = server.reconcile(*given, before=made.desired)
    assert [each.mended for each in mended.drift] == [True]
    ended = server.reconcile()
    assert (ended.left, ended.problems) == (frozenset(), ())


def test_a_role_that_is_called_in_another_encoding_keeps_nobody_in(server: AccessServer) -> None:
    _database(server, "shop_latin", "shop_latin", LATIN1)
    made = server.reconcile(grant("alice", _tables(server.shop)), grant("bob"))
    try:
        with connect(server.cluster, "postgres", "shop_latin") as connection:
            connection.execute(f'create role "{CAFE}"; grant alice to "{CAFE}"'.encode())
        again = server.reconcile(grant("bob"), before=made.desired)
        assert (again.active, again.left) == ({"g-bob"}, frozenset())
        assert server.ask("select rolname from pg_roles where rolname = 'alice'") == []
        found = discover(server, now=lambda: LATER)
        assert {each.name for _, each in found.things() if each.kind == "role"} >= {"caf\\xe9"}
    finally:
        with connect(server.cluster, "postgres", "shop_latin") as connection:
            connection.execute(f'drop role "{CAFE}"'.encode())
