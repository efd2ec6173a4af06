"""What a request would run, on real servers: what is told is what is run, and nothing is before."""

from dataclasses import replace
from datetime import timedelta

from pgward.access.questions import Question
from pgward.access.rights import ObjectRights, Rights
from pgward.access.wanted import Grant
from pgward.connector.answering import plan_for
from tests.fixtures.access_server import (
    BUNDLES,
    INTEGRATION,
    LATER,
    AccessServer,
    grant,
    servers,
    wanted,
)
from tests.fixtures.rights import all_rights

access_servers = servers(18)


def told(server: AccessServer, asked: Grant, *others: Grant) -> tuple[list[str], list[str]]:
    """Return the statements and the problems of a plan beside these grants."""
    bundles = {name: BUNDLES[name] for name in asked.bundles}
    question = Question("ab", "1", asked, bundles)
    found = plan_for(server, INTEGRATION, wanted(*others), question)
    assert (found["failure"], found["more"]) == (None, 0)
    return [each["sql"] for each in found["statements"]], [
        each["text"] for each in found["problems"]
    ]


def rights(server: AccessServer, *tables: str) -> Rights:
    usage = ObjectRights(server.shop, "schema", "", "billing", ("USAGE",))
    return Rights(
        frozenset({"reporting"}),
        frozenset(
            {usage}
            | {ObjectRights(server.shop, "table", "billing", each, ("SELECT",)) for each in tables}
        ),
    )


def test_what_is_told_is_what_is_run(server: AccessServer) -> None:
    before = all_rights(server.cluster)
    BUNDLES["reading"] = rights(server, "*")
    asked = grant("alice", rights(server, "orders"), bundles=frozenset({"reading"}))
    statements, problems = told(server, asked)
    assert all_rights(server.cluster) == before
    assert problems == []
    made = server.reconcile(asked)
    assert (made.active, [each.sql for each in made.statements]) == ({"g-alice"}, statements)


def test_of_grants_that_overlap_only_what_is_new_is_told(server: AccessServer) -> None:
    BUNDLES["reading"] = rights(server, "*")
    bobs = grant("bob", bundles=frozenset({"reading"}))
    hers = grant("alice", rights(server, "orders"), until=LATER - timedelta(days=1))
    server.reconcile(bobs, hers)
    more = grant("alice", rights(server, "orders", "customers"), number="2")
    statements, problems = told(server, more, bobs, hers)
    assert problems == []
    assert [each.partition(" ON ")[0] for each in statements] == [
        "ALTER ROLE \"alice\" VALID UNTIL E'2037-01-01T00:00:00Z';",
        "GRANT SELECT",
    ]
    longer = replace(hers, until=LATER)
    assert told(server, longer, bobs, hers)[0] == statements[:1]
    server.run("grant insert on billing.orders to bob")  # by hand, and nobody's request
    made = server.reconcile(bobs, hers, more)
    assert set(statements) < {each.sql for each in made.statements}


def test_who_decides_hears_before_what_cannot_be(server: AccessServer) -> None:
    server.run("create table public.theirs (id int)")
    server.run("create role carol", database="postgres")
    theirs = ObjectRights(server.shop, "table", "public", "theirs", ("SELECT",))
    wish = Rights(frozenset({"ghost"}), frozenset({theirs}))
    _, problems = told(server, grant("alice", wish))
    assert [each.partition(";")[0] for each in problems] == [
        "there is no role 'ghost'",
        (
            f"the connector may not grant SELECT in {server.shop!r} on public.theirs,"
            " owned by 'postgres'"
        ),
    ]
    statements, problems = told(server, grant("carol"))
    assert statements == []
    assert problems == [
        (
            "the role 'carol' was there before and was not made by pgward;"
            " hint: change the integration's roleName"
        )
    ]
    server.run("drop role carol", database="postgres")


def test_a_name_that_would_be_sql_is_a_name(server: AccessServer) -> None:
    odd = 'a"; drop table billing.orders; --\x1b[2J'
    quoted = odd.replace('"', '""')
    server.run("set role app", f'create table billing."{quoted}" (id int)')
    statements, _ = told(server, grant("alice", rights(server, odd)))
    assert f'GRANT SELECT ON TABLE "billing"."{quoted}" TO "alice";' in statements
