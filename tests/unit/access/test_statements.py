import pytest

from pgward.access import statements as sql
from pgward.access.marks import Mark
from pgward.access.plans import Default, Privilege, Sql

NASTY = 'a"; drop table x; --'
QUOTED = '"a""; drop table x; --"'


def _on(kind: str, name: str, privilege: str, *, schema: str = "s", args: str = "") -> Privilege:
    return Privilege("shop", kind, schema, name, args, "alice", privilege)


def test_an_access_role_can_log_in_until_its_end() -> None:
    mark = Mark("shop-db", "access", "o'hara")
    assert [each.text for each in sql.create(NASTY, mark, "2026-03-01T12:00:00Z")] == [
        f"CREATE ROLE {QUOTED} LOGIN VALID UNTIL E'2026-03-01T12:00:00Z';",
        (
            f"COMMENT ON ROLE {QUOTED} IS E'managed by pgward access: "
            '{"integration": "shop-db", "kind": "access", "person": "o\'\'hara"}\';'
        ),
    ]


def test_nobody_logs_in_as_a_bundle() -> None:
    made = sql.create("pgward_x", Mark("shop-db", "bundle", "x"), None)
    assert made[0].text == 'CREATE ROLE "pgward_x" NOLOGIN;'


@pytest.mark.parametrize(
    ("version", "given", "taken"),
    [
        (15, 'GRANT "a" TO "b";', 'REVOKE "a" FROM "b" CASCADE;'),
        (
            16,
            'GRANT "a" TO "b" WITH ADMIN FALSE, INHERIT TRUE, SET FALSE;',
            'REVOKE "a" FROM "b" GRANTED BY "me" CASCADE;',
        ),
    ],
)
def test_memberships_say_what_the_version_understands(version: int, given: str, taken: str) -> None:
    assert sql.join("a", "b", version).text == given
    assert sql.leave("a", "b", "me", version).text == taken


def test_privileges_on_many_objects_share_statements() -> None:
    privileges = [
        *(_on("table", each, privilege) for each in "ab" for privilege in ("SELECT", "INSERT")),
        _on("table", "c", "SELECT"),
    ]
    assert [each.text for each in sql.granted(privileges)] == [
        'GRANT INSERT, SELECT ON TABLE "s"."a", "s"."b" TO "alice";',
        'GRANT SELECT ON TABLE "s"."c" TO "alice";',
    ]


def test_no_statement_is_about_more_than_so_many_objects() -> None:
    made = sql.granted(_on("table", f"t{each}", "SELECT") for each in range(2 * sql.MOST_ITEMS + 1))
    assert sorted(len(each.items) for each in made) == [1, sql.MOST_ITEMS, sql.MOST_ITEMS]


@pytest.mark.parametrize(
    ("privilege", "expected"),
    [
        (_on("table", NASTY, "SELECT"), f'SELECT ON TABLE "s".{QUOTED}'),
        (
            _on("column", "t", "UPDATE", args=NASTY),
            f'UPDATE ({QUOTED}) ON TABLE "s"."t"',
        ),
        (_on("sequence", "q", "USAGE"), 'USAGE ON SEQUENCE "s"."q"'),
        (
            _on("function", NASTY, "EXECUTE", args="integer, s.kind"),
            f'EXECUTE ON ROUTINE "s".{QUOTED}(integer, s.kind)',
        ),
        (_on("schema", NASTY, "USAGE", schema=""), f"USAGE ON SCHEMA {QUOTED}"),
        (_on("database", "", "CONNECT", schema=""), 'CONNECT ON DATABASE "shop"'),
        (_on("type", "t", "USAGE"), 'USAGE ON TYPE "s"."t"'),
        (_on("large object", "77", "SELECT", schema=""), "SELECT ON LARGE OBJECT 77"),
        (_on("parameter", "my.x", "SET", schema=""), 'SET ON PARAMETER "my"."x"'),
    ],
)
def test_objects_are_named_as_their_kind_is(privilege: Privilege, expected: str) -> None:
    assert [each.text for each in sql.revoked([privilege])] == [
        f'REVOKE {expected} FROM "alice" CASCADE;'
    ]


def test_the_right_to_grant_on_is_taken_alone() -> None:
    (made,) = sql.not_grantable([_on("table", "t", "SELECT")])
    assert made.text == 'REVOKE GRANT OPTION FOR SELECT ON TABLE "s"."t" FROM "alice" CASCADE;'


def test_objects_to_come_are_those_that_an_owner_makes() -> None:
    wanted = [Default("shop", "app", "s", "TABLES", "alice", each) for each in ("SELECT", "UPDATE")]
    head = 'ALTER DEFAULT PRIVILEGES FOR ROLE "app" IN SCHEMA "s" '
    assert [
        sql.defaults(wanted, give=True)[0].text,
        sql.defaults(wanted, give=False)[0].text,
        sql.defaults([Default("shop", "app", "", "TYPES", "alice", "USAGE")], give=False)[0].text,
    ] == [
        f'{head}GRANT SELECT, UPDATE ON TABLES TO "alice";',
        f'{head}REVOKE SELECT, UPDATE ON TABLES FROM "alice";',
        'ALTER DEFAULT PRIVILEGES FOR ROLE "app" REVOKE USAGE ON TYPES FROM "alice";',
    ]


def test_a_statement_is_halved_down_to_one_object() -> None:
    whole = Sql("GRANT SELECT ON ", ("a", "b", "c"), " TO d")
    assert [each.text for each in whole.halves()] == [
        "GRANT SELECT ON a TO d;",
        "GRANT SELECT ON b, c TO d;",
    ]
    assert Sql("x", ("a",)).halves() == (Sql("x", ("a",)),)
