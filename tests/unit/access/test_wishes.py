from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pgward.access.facts import Database, Door, Facts, Held, Role
from pgward.access.marks import Mark
from pgward.access.plans import Default, Desired, Membership, Problem
from pgward.access.rights import ObjectRights, Rights
from pgward.access.wanted import Grant, Wanted
from pgward.access.wishes import wish
from tests.fixtures.server_facts import INTEGRATION, access_role, bundle, facts, on, thing

END = datetime(2026, 3, 1, 13, tzinfo=UTC)
SELECT = ObjectRights("shop", "table", "s", "*", ("SELECT",))


def grant(name: str = "alice", **changes: object) -> Grant:
    return replace(Grant(f"g-{name}", name, name, END), **changes)  # type: ignore[arg-type]


def wished(found: Facts, *grants: Grant, **changes: object) -> tuple[Desired, tuple[Problem, ...]]:
    wanted = replace(Wanted(1, {}, grants, "app"), **changes)  # type: ignore[arg-type]
    return wish(wanted, found, INTEGRATION)


def why(found: Facts, *grants: Grant, **changes: object) -> str:
    """Return the only problem, which is one of the only grant."""
    _, (problem,) = wished(found, *grants, **changes)
    assert problem.fatal
    assert problem.grants == {grants[0].id}
    return problem.text


def inside(*things: object) -> dict[str, Database]:
    return {"shop": Database(things)}  # type: ignore[arg-type]


def objects(*rights: ObjectRights) -> Rights:
    return Rights(objects=frozenset(rights))


def test_a_role_lives_as_long_as_the_longest_of_its_grants() -> None:
    later = grant(id="g2", until=END + timedelta(hours=1))
    desired, problems = wished(facts(), grant(), later)
    assert desired.roles["alice"].until == "2026-03-01T14:00:00Z"
    assert desired.roles["alice"].grants == {"g-alice", "g2"}
    assert problems == ()


@pytest.mark.parametrize(
    ("name", "role", "reason"),
    [
        ("alice", Role("alice", 1), "was there before and was not made by pgward"),
        (
            "alice",
            access_role("alice", mark=Mark("other-db", "access", "alice")),
            "was made for alice of the integration other-db",
        ),
        (
            "alice",
            access_role("alice", mark=Mark(INTEGRATION, "bundle", "reading")),
            "was made for the bundle reading of the integration shop-db",
        ),
        (
            "alice",
            access_role("alice", superuser=True),
            "was made a superuser by somebody: a superuser must take that away",
        ),
        ("pg_alice", None, "is a name that PostgreSQL does not give"),
        ("public", None, "is a name that PostgreSQL does not give"),
        ("me", None, "is the connector's own account"),
        ("app", None, "is the one that gets what access roles own"),
    ],
)
def test_a_role_that_cannot_be_ours_fails_its_grants(
    name: str, role: Role | None, reason: str
) -> None:
    found = facts(*([role] if role else []))
    if name == "app":
        found = replace(found, server=replace(found.server, roles={}))
    asked = grant(role=name)
    expected = f"the role {name!r} {reason}; hint: change the integration's roleName"
    assert why(found, asked) == expected
    assert wished(found, asked)[0].roles == {}


def test_two_people_are_never_the_same_role() -> None:
    desired, problems = wished(facts(), grant("bob", role="x"), grant("alice", role="x"))
    assert desired.roles["x"].mark.name == "alice"
    assert [each.grants for each in problems] == [{"g-bob"}]


def test_whose_a_role_is_stays_so() -> None:
    theirs = access_role("x", mark=Mark(INTEGRATION, "access", "bob"))
    desired, problems = wished(facts(theirs), grant("bob", role="x"), grant("alice", role="x"))
    assert desired.roles["x"].mark.name == "bob"
    assert [each.grants for each in problems] == [{"g-alice"}]


def test_a_bundle_is_there_for_those_who_have_it() -> None:
    bundles = {"reading": Rights(frozenset({"reporting"})), "idle": Rights()}
    asked = grant(bundles=frozenset({"reading"}))
    desired, problems = wished(facts(), asked, bundles=bundles)
    assert problems == ()
    assert sorted(desired.roles) == ["alice", "pgward_reading"]
    assert desired.members == {
        Membership("pgward_reading", "alice"),
        Membership("reporting", "pgward_reading"),
    }


def test_a_bundle_whose_role_is_taken_fails_its_grants() -> None:
    asked = grant(bundles=frozenset({"reading"}))
    found = facts(Role("pgward_reading", 1))
    assert "was not made by pgward" in why(found, asked, bundles={"reading": Rights()})


@pytest.mark.parametrize(
    ("role", "known", "reason"),
    [
        ("ghost", None, "there is no role 'ghost'"),
        (
            "boss",
            Role("boss", 1, reaches=True, admin=True),
            "'boss' is, or can become, a superuser or the connector: nobody is made one",
        ),
        (
            "bob",
            access_role("bob"),
            "'bob' is a role that pgward made for somebody: it is not granted on",
        ),
        (
            "alice",
            None,
            "there is no role 'alice'",
        ),
        (
            "own",
            Role("own", 1),
            (
                "the connector may not grant 'own'; hint: as its owner or a superuser: "
                'GRANT "own" TO "me" WITH ADMIN OPTION'
            ),
        ),
    ],
)
def test_a_membership_that_cannot_be_fails_its_grant(
    role: str, known: Role | None, reason: str
) -> None:
    asked = grant(rights=Rights(frozenset({role})))
    assert why(facts(*([known] if known else [])), asked) == reason


def test_patterns_mean_what_is_there() -> None:
    found = facts(
        databases=inside(
            *(thing("table", "a"), thing("table", "b"), thing("sequence", "c")),
            thing("table", "d", schema="other"),
        )
    )
    desired, problems = wished(found, grant(rights=objects(SELECT)))
    assert desired.privileges == {on("table", each, "SELECT", "alice") for each in "ab"}
    assert (problems, desired.defaults) == ((), frozenset())


def test_functions_are_all_of_a_name() -> None:
    found = facts(databases=inside(thing("function", "f"), thing("function", "f", args="integer")))
    rights = ObjectRights("shop", "function", "s", "f", ("EXECUTE",))
    desired, _ = wished(found, grant(rights=objects(rights)))
    assert desired.privileges == {
        on("function", "f", "EXECUTE", "alice", args=args) for args in ("", "integer")
    }


def test_objects_to_come_are_those_of_who_made_some_there_and_of_the_schemas_owner() -> None:
    found = facts(
        access_role("carol"),
        databases=inside(
            *(thing("table", "a", owner="maker"), thing("table", "b", owner="carol")),
            *(thing("table", "c", owner="other", owner_usage=False),),
            *(thing("schema", "s", schema=""), thing("schema", "t", schema="")),
        ),
    )
    asked = grant(rights=objects(replace(SELECT, future=True)))
    assert wished(found, asked)[0].defaults == {
        Default("shop", owner, "s", "TABLES", "alice", "SELECT") for owner in ("app", "maker")
    }


def test_default_privileges_know_no_names_so_a_pattern_has_none() -> None:
    found = facts(databases=inside(thing("table", "a"), thing("schema", "s", schema="")))
    asked = grant(rights=objects(replace(SELECT, name="a*", future=True)))
    assert wished(found, asked)[0].defaults == frozenset()


def test_an_object_that_is_named_must_be_there() -> None:
    rights = replace(SELECT, name="t")
    found = facts(databases=inside())
    assert why(found, grant(rights=objects(rights))) == "there is no table 's.t' in 'shop'"
    assert wished(found, grant(rights=objects(replace(rights, future=True))))[1] == ()


def test_what_cannot_be_granted_on_is_told_by_its_owner() -> None:
    foreign = thing("table", "t", owner="postgres", can=frozenset())
    text = why(facts(databases=inside(foreign)), grant(rights=objects(SELECT)))
    assert text == (
        "the connector may not grant SELECT in 'shop' on s.t, owned by 'postgres'; hint: make it "
        "a member of the owner (pgward connector set-up --owner)"
    )


def test_where_the_databases_owner_owns_a_schema_the_hint_names_that_role() -> None:
    foreign = thing("table", "t", owner="pg_database_owner", can=frozenset())
    text = why(facts(databases=inside(foreign)), grant(rights=objects(SELECT)))
    assert text.endswith(
        "owned by 'pg_database_owner'; hint: make it a member of 'app', who owns the database "
        "(pgward connector set-up --owner)"
    )


def test_some_objects_of_a_pattern_that_cannot_be_granted_on_fail_nothing() -> None:
    found = facts(
        databases=inside(
            thing("table", "a"),
            *(thing("table", f"t{each}", owner="x", can=frozenset()) for each in range(5)),
        )
    )
    desired, (problem,) = wished(found, grant(rights=objects(SELECT)))
    assert not problem.fatal
    assert "s.t0, s.t1, s.t2 and 2 more" in problem.text
    assert desired.privileges == {on("table", "a", "SELECT", "alice")}


def test_objects_of_extensions_are_passed_over() -> None:
    foreign = thing("table", "t", owner="postgres", can=frozenset(), extension=True)
    assert wished(facts(databases=inside(foreign)), grant(rights=objects(SELECT)))[1] == ()


def test_what_is_held_stays_though_it_could_not_be_given_now() -> None:
    held = Held(on("table", "t", "SELECT", "alice"), "postgres")
    foreign = thing("table", "t", can=frozenset())
    found = facts(access_role("alice"), databases={"shop": Database((foreign,), (held,))})
    desired, problems = wished(found, grant(rights=objects(SELECT)))
    assert (desired.privileges, problems) == ({held.privilege}, ())


@pytest.mark.parametrize("name", ["\udcff", "é" * 63])
def test_a_name_in_another_encoding_is_a_name(name: str) -> None:
    found = facts(databases=inside(thing("table", name)))
    desired, problems = wished(found, grant(rights=objects(SELECT)))
    assert ({each.name for each in desired.privileges}, problems) == ({name}, ())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"doors": {}}, "there is no database 'shop'"),
        ({}, "the database 'shop' cannot be entered: it takes no connections"),
    ],
)
def test_a_database_that_cannot_be_entered_fails_what_is_in_it(
    changes: dict[str, dict[str, Door]], reason: str
) -> None:
    found = replace(facts(databases={}, **changes), closed={"shop": "it takes no connections"})
    _, (problem,) = wished(found, grant(rights=objects(SELECT)))
    # Who may enter a database may change in a moment; a database does not come by itself.
    assert (problem.text, problem.passing) == (reason, not changes)


def test_what_the_version_does_not_know_fails_the_grant() -> None:
    rights = replace(SELECT, privileges=("MAINTAIN", "SELECT"))
    found = facts(databases=inside(thing("table", "t")))
    desired, (problem,) = wished(found, grant(rights=objects(rights)))
    assert problem.text == "PostgreSQL 16 has no privilege MAINTAIN"
    assert desired.privileges == {on("table", "t", "SELECT", "alice")}


def test_a_role_that_a_bundle_is_called_like_is_nobodys() -> None:
    asked = grant(role="pgward_reading", bundles=frozenset({"reading"}))
    assert "is the name of a bundle's role" in why(facts(), asked, bundles={"reading": Rights()})


def test_a_bundle_that_was_made_before_is_used_again() -> None:
    asked = grant(bundles=frozenset({"reading"}))
    found = facts(bundle("reading", "pgward_reading"))
    assert wished(found, asked, bundles={"reading": Rights()})[1] == ()
