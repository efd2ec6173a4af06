from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pgward.access.facts import Database, Door, Facts, Held, HeldDefault, Member, Owned, Role
from pgward.access.planning import plan
from pgward.access.plans import Default, Drift, Plan
from pgward.access.rights import ObjectRights, Rights
from pgward.access.wanted import Grant, Wanted
from tests.fixtures.server_facts import (
    INTEGRATION,
    UNTIL,
    access_role,
    bundle,
    facts,
    on,
    texts,
    thing,
)

END = datetime(2026, 3, 1, 13, tzinfo=UTC)
SELECTS = ObjectRights("shop", "table", "s", "*", ("SELECT",), future=True)
READING = Rights(objects=frozenset({SELECTS}))
NOBODY = Wanted(reassign_to="app")
BUNDLED = Wanted(
    1, {"reading": READING}, (Grant("g1", "alice", "alice", END, frozenset({"reading"})),), "app"
)
DIRECT = Wanted(1, {}, (Grant("g1", "alice", "alice", END, rights=READING),), "app")
MEMBER = Wanted(
    1, {}, (Grant("g1", "alice", "alice", END, rights=Rights(frozenset({"reporting"}))),), "app"
)
EMPTY = Wanted(1, {}, (Grant("g1", "alice", "alice", END),), "app")
JOINED = Member("reporting", "alice", "me", set_role=False)
TABLES = {"shop": Database((thing("table", "t"), thing("schema", "s", schema="")))}
HAS = Held(on("table", "t", "SELECT", "alice"), "app")
TO_COME = Default("shop", "app", "s", "TABLES", "alice", "SELECT")


def planned(wanted: Wanted, found: Facts, before: Plan | None = None) -> Plan:
    return plan(
        wanted, found, integration=INTEGRATION, before=None if before is None else before.desired
    )


STRANGE = ("caf\udce9", "é" * 63)
"""As the encodings of other databases have names."""


@pytest.mark.parametrize("version", [13, 16])
@pytest.mark.parametrize("name", STRANGE)
def test_no_name_that_a_server_has_keeps_anybody_in(version: int, name: str) -> None:
    """Whatever somebody called a role, a column or a schema: who is over is let in no more."""
    column = on("column", name, "SELECT", "alice", args=name)._replace(schema=name)
    default = TO_COME._replace(schema=name, owner=name)
    inside = Database(
        (thing("table", name, schema=name, owner=name),),
        (Held(HAS.privilege, name, via=name), Held(column, name)),
        (HeldDefault(default),),
        (Owned("alice", "object", name),),
    )
    members = (Member(name, "alice", name), Member("alice", name, name))
    found = facts(
        access_role("alice"),
        access_role(name),
        version=version,
        members=members,
        databases={"shop": inside},
    )
    done = texts(planned(NOBODY, found))
    assert 'ALTER ROLE "alice" NOLOGIN PASSWORD NULL;' in done
    assert 'DROP ROLE "alice";' in done
    assert texts(planned(EMPTY, found))


def test_a_membership_that_cannot_be_said_is_told_and_goes_with_the_role() -> None:
    members = (Member("alice", STRANGE[0], "alice"),)
    made = planned(EMPTY, facts(access_role("alice"), members=members, version=13))
    assert [each.mended for each in made.drift] == [False]
    assert made.empty


def test_a_grant_is_made_from_nothing() -> None:
    made = planned(BUNDLED, facts(databases=TABLES))
    assert made.problems == ()
    assert [each.partition(" IS ")[0] for each in texts(made)] == [
        f"CREATE ROLE \"alice\" LOGIN VALID UNTIL E'{UNTIL}';",
        'COMMENT ON ROLE "alice"',
        'CREATE ROLE "pgward_reading" NOLOGIN;',
        'COMMENT ON ROLE "pgward_reading"',
        'GRANT "pgward_reading" TO "alice" WITH ADMIN FALSE, INHERIT TRUE, SET FALSE;',
        'shop: GRANT SELECT ON TABLE "s"."t" TO "pgward_reading";',
        (
            'shop: ALTER DEFAULT PRIVILEGES FOR ROLE "app" IN SCHEMA "s" '
            'GRANT SELECT ON TABLES TO "pgward_reading";'
        ),
    ]


def test_what_is_as_it_should_be_is_left_alone() -> None:
    inside = replace(TABLES["shop"], held=(HAS,), defaults=(HeldDefault(TO_COME),))
    assert planned(DIRECT, facts(access_role("alice"), databases={"shop": inside})).empty


def test_of_a_grant_that_is_over_nothing_is_left() -> None:
    inside = replace(TABLES["shop"], held=(HAS,), defaults=(HeldDefault(TO_COME),))
    role = access_role("alice", sessions=1)
    found = facts(role, members=(JOINED,), databases={"shop": inside})
    assert [each for each in texts(planned(NOBODY, found)) if "SELECT max" not in each] == [
        'ALTER ROLE "alice" NOLOGIN PASSWORD NULL;',
        'REVOKE "reporting" FROM "alice" GRANTED BY "me" CASCADE;',
        "-- ends every session of 'alice'",
        'shop: REVOKE SELECT ON TABLE "s"."t" FROM "alice" CASCADE;',
        (
            'shop: ALTER DEFAULT PRIVILEGES FOR ROLE "app" IN SCHEMA "s" '
            'REVOKE SELECT ON TABLES FROM "alice";'
        ),
        'DROP ROLE "alice";',
    ]


def test_a_role_that_goes_is_not_dropped_while_somebody_is_in() -> None:
    (step,) = planned(NOBODY, facts(access_role("alice"))).in_phase("drop")
    assert step.whole
    assert "pg_stat_activity" in step.statements[0].text


def test_what_an_access_role_owns_is_handed_on_without_its_dangers() -> None:
    owned = (
        Owned("alice", "object", "function s.f()", ("alter routine s.f() security invoker",)),
        Owned("alice", "policy", "policy p"),
    )
    found = facts(access_role("alice", login=False), databases={"shop": Database(owned=owned)})
    made = planned(NOBODY, found)
    assert [each for each in texts(made) if "SELECT max" not in each] == [
        'shop: GRANT "alice" TO "me" WITH INHERIT TRUE, SET FALSE;',
        "shop: alter routine s.f() security invoker;",
        'shop: REASSIGN OWNED BY "alice" TO "app";',
        'shop: DROP OWNED BY "alice";',
        'shop: REVOKE "alice" FROM "me";',
        'DROP ROLE "alice";',
    ]
    assert made.drift == (Drift("owned", "alice", "'app' gets what it owned: function s.f()"),)


@pytest.mark.parametrize(
    ("heir", "role", "why"),
    [
        (None, None, "the integration has no reassignTo"),
        ("ghost", None, "there is no role 'ghost' to get it"),
        (
            "heir",
            Role("heir", 1),
            (
                "the connector is no member of 'heir', which is to get it; "
                "hint: pgward connector set-up --reassign-to"
            ),
        ),
        ("bob", access_role("bob"), "'bob', which is to get it, is a role of pgward's"),
    ],
)
def test_a_role_that_owns_something_stays_where_nobody_gets_it(
    heir: str | None, role: Role | None, why: str
) -> None:
    inside = Database(owned=(Owned("alice", "object", "table s.t"),) * 2)
    roles = [access_role("alice"), *([role] if role else [])]
    made = planned(Wanted(reassign_to=heir), facts(*roles, databases={"shop": inside}))
    told = "the role 'alice' stays, and nobody can log in as it: it owns table s.t and 1 more"
    assert [each.text for each in made.problems] == [f"{told}, and {why}"]
    assert 'DROP ROLE "alice";' not in texts(made)
    assert 'ALTER ROLE "alice" NOLOGIN PASSWORD NULL;' in texts(made)


def test_a_role_with_something_in_a_closed_database_stays() -> None:
    found = facts(access_role("alice"), places=frozenset({("alice", "attic")}))
    made = planned(NOBODY, replace(found, closed={"attic": "it takes no connections"}))
    assert 'DROP ROLE "alice";' not in texts(made)
    assert [each.text for each in made.problems] == [
        (
            "the role 'alice' stays, and nobody can log in as it: it has something in 'attic', "
            "which cannot be entered: it takes no connections"
        )
    ]


def test_a_role_with_something_that_cannot_be_seen_is_locked_where_it_should_have_nothing() -> None:
    found = facts(
        access_role("alice"),
        places=frozenset({("alice", "shop")}),
        doors={"shop": Door("shop", "app", connects=False)},
    )
    found = replace(found, closed={"shop": "the connector may not CONNECT to it"})
    made = planned(EMPTY, found)
    assert 'ALTER ROLE "alice" NOLOGIN PASSWORD NULL;' in texts(made)
    assert [(each.fatal, each.grants) for each in made.problems] == [(True, {"g1"})]
    assert [each.every for each in made.ends] == [True]
    assert 'ALTER ROLE "alice" NOLOGIN PASSWORD NULL;' not in texts(planned(DIRECT, found))
    doors = {"shop": Door("shop", "app", allows=False)}
    nobody_enters = replace(found, server=replace(found.server, doors=doors))
    assert 'ALTER ROLE "alice" NOLOGIN PASSWORD NULL;' in texts(planned(EMPTY, nobody_enters))


@pytest.mark.parametrize(
    ("version", "set_role", "word"),
    [
        (15, True, "-- ends every session of 'alice'"),
        (16, False, "-- ends sessions with an open transaction of 'alice'"),
        (16, True, "-- ends every session of 'alice'"),
    ],
)
def test_who_could_have_become_a_role_is_not_in_as_it_any_more(
    version: int, set_role: bool, word: str
) -> None:
    member = replace(JOINED, set_role=set_role)
    made = planned(EMPTY, facts(access_role("alice"), version=version, members=(member,)))
    assert texts(made)[1] == word


def test_what_a_bundle_loses_ends_transactions_of_those_who_have_it() -> None:
    wanted = replace(BUNDLED, bundles={"reading": Rights()})
    inside = Database(held=(Held(on("table", "t", "SELECT", "pgward_reading"), "app"),))
    found = facts(
        *(access_role("alice"), bundle("reading", "pgward_reading")),
        members=(Member("pgward_reading", "alice", "me", set_role=False),),
        databases={"shop": inside},
    )
    assert texts(planned(wanted, found)) == [
        'shop: REVOKE SELECT ON TABLE "s"."t" FROM "pgward_reading" CASCADE;',
        "-- ends sessions with an open transaction of 'alice'",
    ]


def test_attributes_given_by_hand_are_taken_away() -> None:
    found = facts(access_role("alice", attributes=frozenset({"CREATEROLE", "NOINHERIT"}), limit=3))
    made = planned(EMPTY, found)
    assert texts(made) == [
        'ALTER ROLE "alice" NOCREATEROLE INHERIT;',
        "-- ends every session of 'alice'",
        'ALTER ROLE "alice" CONNECTION LIMIT -1;',
    ]
    assert made.drift == (Drift("attributes", "alice", "had CREATEROLE, NOINHERIT"),)


@pytest.mark.parametrize(("version", "mended"), [(15, True), (16, False)])
def test_attributes_that_only_a_superuser_takes_away_are_told(version: int, mended: bool) -> None:
    role = access_role("alice", attributes=frozenset({"CREATEDB"}))
    made = planned(EMPTY, facts(role, version=version))
    assert [(each.what, each.mended) for each in made.drift] == [("attributes", mended)]
    assert made.empty != mended


def test_a_longer_grant_moves_the_end_of_the_password() -> None:
    found = facts(access_role("alice", until="2026-03-01T12:00:00Z"))
    assert texts(planned(EMPTY, found)) == [f"ALTER ROLE \"alice\" VALID UNTIL E'{UNTIL}';"]


def test_a_role_that_stayed_is_opened_again() -> None:
    assert texts(planned(EMPTY, facts(access_role("alice", login=False)))) == [
        'ALTER ROLE "alice" LOGIN;'
    ]


def test_nobody_logs_in_as_a_bundle_by_hand() -> None:
    found = facts(
        *(access_role("alice"), replace(bundle("reading", "pgward_reading"), login=True)),
        members=(Member("pgward_reading", "alice", "me", set_role=False),),
    )
    wanted = replace(BUNDLED, bundles={"reading": Rights()})
    assert texts(planned(wanted, found)) == [
        'ALTER ROLE "pgward_reading" NOLOGIN PASSWORD NULL;',
        "-- ends every session of 'pgward_reading'",
    ]


@pytest.mark.parametrize(
    ("member", "version", "expected"),
    [
        (
            Member("reporting", "alice", "me", admin=True),
            15,
            ['REVOKE ADMIN OPTION FOR "reporting" FROM "alice" CASCADE;'],
        ),
        (
            Member("reporting", "alice", "me", set_role=True),
            16,
            [
                'REVOKE "reporting" FROM "alice" GRANTED BY "me" CASCADE;',
                "-- ends every session of 'alice'",
                'GRANT "reporting" TO "alice" WITH ADMIN FALSE, INHERIT TRUE, SET FALSE;',
            ],
        ),
    ],
)
def test_a_membership_that_allows_too_much_is_made_plain(
    member: Member, version: int, expected: list[str]
) -> None:
    found = facts(access_role("alice"), version=version, members=(member,))
    assert texts(planned(MEMBER, found)) == expected


def test_nobody_else_is_a_member_of_a_role_of_ours() -> None:
    found = facts(
        access_role("alice"),
        members=(Member("alice", "bob", "me"), Member("alice", "me", "postgres", admin=True)),
    )
    assert texts(planned(EMPTY, found)) == [
        'REVOKE "alice" FROM "bob" GRANTED BY "me" CASCADE;',
    ]


def test_what_only_somebody_else_can_take_away_is_told() -> None:
    inside = Database(held=(replace(HAS, grantor="carol", mine=False),))
    found = facts(
        access_role("alice"),
        members=(Member("reporting", "alice", "postgres", mine=False),),
        databases={"shop": inside},
    )
    made = planned(EMPTY, found)
    assert made.empty
    assert [(each.role, each.mended) for each in made.drift] == [("alice", False)] * 2
    assert [(each.grants, each.fatal) for each in made.problems] == [({"g1"}, False)] * 2


def test_what_another_access_role_granted_is_taken_away_as_that_role() -> None:
    held = replace(HAS, grantor="bob", owner="bob", mine=False)
    found = facts(
        access_role("alice"), access_role("bob"), databases={"shop": Database(held=(held,))}
    )
    wanted = replace(EMPTY, grants=(*EMPTY.grants, Grant("g2", "bob", "bob", END)))
    assert texts(planned(wanted, found))[:3] == [
        'shop: GRANT "bob" TO "me" WITH INHERIT TRUE, SET FALSE;',
        'shop: REVOKE SELECT ON TABLE "s"."t" FROM "alice" CASCADE;',
        'shop: REVOKE "bob" FROM "me";',
    ]


def test_what_was_put_there_by_hand_is_told_from_what_a_grant_loses() -> None:
    inside = replace(TABLES["shop"], held=(HAS, replace(HAS, privilege=on(*INSERTS))))
    found = facts(access_role("alice"), databases={"shop": inside})
    before = planned(DIRECT, found)
    made = planned(EMPTY, found, before)
    assert [each.detail for each in made.drift] == ["had INSERT on table shop.s.t by 'app'"]


INSERTS = ("table", "t", "INSERT", "alice")


def test_what_somebody_took_away_is_given_again_and_told() -> None:
    before = planned(DIRECT, facts(databases=TABLES))
    made = planned(DIRECT, facts(access_role("alice"), databases=TABLES), before)
    assert Drift("missing", "alice", "had no SELECT on table shop.s.t") in made.drift
    assert planned(DIRECT, facts(databases=TABLES), before).drift[0] == Drift(
        "role", "alice", "the role had been dropped"
    )


def test_the_right_to_grant_on_is_taken_away() -> None:
    inside = replace(
        TABLES["shop"], held=(replace(HAS, grantable=True),), defaults=(HeldDefault(TO_COME),)
    )
    made = planned(DIRECT, facts(access_role("alice"), databases={"shop": inside}))
    assert texts(made)[0] == (
        'shop: REVOKE GRANT OPTION FOR SELECT ON TABLE "s"."t" FROM "alice" CASCADE;'
    )


def test_a_standby_is_left_alone() -> None:
    made = planned(BUNDLED, facts(access_role("bob"), writable=False))
    assert (made.empty, made.writable) == (True, False)


def test_other_integrations_roles_are_none_of_ours() -> None:
    found = facts(access_role("bob"))
    assert plan(NOBODY, found, integration="other-db").empty


def test_a_database_of_its_own_kind_of_privilege() -> None:
    connect = Rights(objects=frozenset({ObjectRights("shop", "database", "", "", ("CONNECT",))}))
    wanted = replace(EMPTY, grants=(replace(EMPTY.grants[0], rights=connect),))
    found = facts(access_role("alice"), doors={"shop": Door("shop", "app")})
    assert planned(wanted, found).problems[0].fatal
    assert texts(planned(wanted, facts(access_role("alice")))) == [
        'GRANT CONNECT ON DATABASE "shop" TO "alice";'
    ]


PROTECTED = replace(EMPTY, passwords={"alice": 2})
ALICE = access_role("alice")


def with_password(version: int | None, **changes: object) -> Facts:
    mark = None if ALICE.mark is None else ALICE.mark.of(version)
    return facts(access_role("alice", mark=mark, **changes))


def test_a_new_role_gets_its_password_and_a_mark_that_says_so() -> None:
    (step,) = planned(PROTECTED, facts()).steps
    assert step.whole
    assert [each.verifier_of for each in step.statements] == [None, "alice", None]
    assert '"password": 2' in step.statements[-1].text


def test_a_role_whose_mark_has_another_password_gets_the_new_one() -> None:
    made = planned(PROTECTED, with_password(1))
    (step,) = made.steps
    assert (step.phase, step.whole) == ("create", True)
    assert texts(made)[0] == "ALTER ROLE \"alice\" PASSWORD '...';"
    assert planned(PROTECTED, with_password(2)).empty


def test_a_role_that_needs_no_password_any_more_has_none() -> None:
    made = planned(EMPTY, with_password(2))
    assert [each.phase for each in made.steps] == ["disable"]
    assert texts(made)[0] == 'ALTER ROLE "alice" PASSWORD NULL;'
    assert "password" not in texts(made)[1]


def test_a_role_that_is_locked_has_no_password_nor_a_mark_of_one() -> None:
    made = planned(NOBODY, with_password(2))
    (step,) = made.in_phase("disable")
    assert step.statements[0].text == 'ALTER ROLE "alice" NOLOGIN PASSWORD NULL;'
    assert "password" not in step.statements[1].text
