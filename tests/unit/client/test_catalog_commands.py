import json

import pytest

from pgward.client.catalog_commands import _size
from pgward.system import terminal
from tests.fixtures.fake_ca import error

KNOWN = {
    "integration": "shop-db",
    "connector": "c1",
    "edge": None,
    "tags": {},
    "taken_at": "2026-11-21T11:55:00Z",
    "seconds": 0.5,
    "server_version": 16,
    "databases": {"shop": None, "locked": "no right to connect to the database locked"},
    "counts": {"database": 2, "table": 31, "role": 12},
    "failed_at": None,
    "failure": None,
    "problem": None,
    "asked_at": None,
    "asked_by": None,
}
CARDS = {
    "database": "shop",
    "kind": "table",
    "schema": "billing",
    "name": "cards\x1b[31m",
    "signature": "",
    "detail": "view",
    "owner": "app",
    "comment": "Credit cards",
    "rows": 1200,
    "size": 81000,
    "tags": {"owner": "billing", "env": "prod"},
}
PLACE = {key: CARDS[key] for key in ("database", "kind", "schema", "owner")}
GRANT = PLACE | {
    "name": "cards",
    "signature": "",
    "detail": "",
    "column": "number",
    "grantee": "reader",
    "privileges": ["INSERT", "SELECT"],
    "grantable": ["SELECT"],
    "by_way_of": ["writer", "reader"],
}
ALICE = {
    "name": "alice",
    "comment": "",
    "attributes": {"login": True, "limit": 3, "valid_until": "2030-01-01T00:00:00Z"},
    "member_of": [
        {"role": "reader", "admin": False, "inherit": True, "set": True},
        {"role": "writer", "admin": True, "inherit": True, "set": False},
    ],
}


@pytest.fixture(autouse=True)
def routes(fake_ca):
    shop = "/v1/catalog/shop-db"
    fake_ca.routes |= {
        "GET /v1/catalog": {"integrations": [KNOWN]},
        f"GET {shop}/objects": {"objects": [CARDS], "cursor": None},
        f"GET {shop}/roles": {"roles": [ALICE], "cursor": None},
        f"GET {shop}/grants": {"grants": [GRANT], "cursor": None},
        f"POST {shop}/refresh": {
            "integration": "shop-db",
            "asked_at": "2026-11-21T12:00:00Z",
            "connector": "c1",
            "edge": None,
        },
    }


def rows(done):
    """The cells of a table: two spaces part them."""
    assert done.exit_code == 0, done.output
    return [
        [cell for cell in line.strip().split("  ") if cell] for line in done.stdout.splitlines()[1:]
    ]


def params(fake_ca):
    return dict(fake_ca.requests[-1].url.params)


def test_integrations_are_listed_with_what_hindered_a_look(logged_in):
    [row] = rows(logged_in("catalog"))
    assert [cell.strip() for cell in row][:5] == ["shop-db", "16", "2", "31", "12"]
    assert row[-1].strip() == "no right to connect to the database locked"
    assert json.loads(logged_in("catalog", "-o", "json").stdout) == [KNOWN]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"failure": "the server is away"}, "the server is away"),
        ({"databases": {}, "problem": "it is a standby"}, "it is a standby"),
        ({"databases": {"a": "x", "b": "y"}}, "2 databases cannot be read"),
        ({"databases": {"a": None}}, "-"),
    ],
)
def test_a_problem_is_told_in_a_few_words(logged_in, fake_ca, changes, problem):
    fake_ca.routes["GET /v1/catalog"] = {"integrations": [KNOWN | changes]}
    assert rows(logged_in("catalog"))[0][-1].strip() == problem


def test_objects_are_searched_and_shown_safely(logged_in, fake_ca):
    [row] = rows(
        logged_in(
            *("catalog", "ls", "shop-db", "--search", "card", "--kind", "table"),
            *("--tag", "env=prod", "--tag", "owner=billing"),
        )
    )
    assert [cell.strip() for cell in row] == [
        "shop",
        "view",
        "billing.cards\\x1b[31m",
        "app",
        "1200",
        "79 kB",
        "env=prod, owner=billing",
        "Credit cards",
    ]
    asked = fake_ca.requests[-1].url.params
    assert asked.get_list("tag") == ["env=prod", "owner=billing"]
    assert params(fake_ca) | {"tag": ""} == {
        "search": "card",
        "kind": "table",
        "tag": "",
        "limit": "200",
    }


def test_without_a_name_all_integrations_are_searched(logged_in):
    [found] = json.loads(logged_in("catalog", "ls", "-o", "json").stdout)
    assert found == {"integration": "shop-db"} | CARDS
    assert rows(logged_in("catalog", "ls"))[0][0].strip() == "shop-db"


def test_an_integration_alone_is_searched_as_well(logged_in):
    assert logged_in("catalog", "shop-db", "-o", "json").stdout == (
        logged_in("catalog", "ls", "shop-db", "-o", "json").stdout
    )
    assert "did you mean" in logged_in("catalog", "grant", "shop-db").stderr.lower()
    assert logged_in("catalog", "roles", "shop-db").exit_code == 0


def test_what_is_no_integration_may_be_a_table(logged_in, fake_ca):
    said = error("not_found", "there is no Integration 'orders'")
    fake_ca.routes["GET /v1/catalog/orders/objects"] = said
    done = logged_in("catalog", "orders")
    assert done.stderr == (
        "pgward: there is no Integration 'orders'\n"
        "hint: pgward catalog lists integrations; in all: pgward catalog ls --search orders\n"
    )


def test_what_is_more_is_told(logged_in, fake_ca):
    fake_ca.routes["GET /v1/catalog/shop-db/objects"] = {"objects": [CARDS], "cursor": "c"}
    done = logged_in("catalog", "ls", "shop-db", "--limit", "2")
    assert len(rows(done)) == 2
    assert done.stderr == "only the first 2 are shown; --limit shows more\n"
    assert params(fake_ca) == {"limit": "1", "cursor": "c"}


def test_roles_are_told_with_what_they_may(logged_in):
    [row] = rows(logged_in("catalog", "roles", "shop-db"))
    assert [cell.strip() for cell in row[:3]] == [
        "alice",
        "login, limit 3, until 2030-01-01T00:00:00Z",
        "reader, writer (admin, no set)",
    ]


def test_grants_are_told_with_the_way_they_came(logged_in, fake_ca):
    [row] = rows(logged_in("catalog", "grants", "shop-db", "--to", "alice"))
    assert [cell.strip() for cell in row] == [
        "reader",
        "writer > reader",
        "INSERT, SELECT*",
        "shop",
        "table",
        "billing.cards (number)",
        "app",
    ]
    assert params(fake_ca) == {"to": "alice", "limit": "200"}


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (("--on", "billing.cards"), {"schema": "billing", "name": "cards"}),
        (("--on", "cards"), {"name": "cards"}),
        (("--to", "x", "--direct"), {"to": "x", "direct": "true"}),
        (("--privilege", "SELECT", "--schema", "s"), {"privilege": "SELECT", "schema": "s"}),
    ],
)
def test_grants_are_asked_for(logged_in, fake_ca, arguments, asked):
    logged_in("catalog", "grants", "shop-db", *arguments)
    assert params(fake_ca) == asked | {"limit": "200"}


@pytest.mark.parametrize(
    ("changes", "on"),
    [
        (
            {"kind": "default", "name": "app", "detail": "table", "column": ""},
            "tables that app makes in billing",
        ),
        (
            {"kind": "function", "name": "add", "signature": "a integer", "column": ""},
            "billing.add(a integer)",
        ),
        ({"kind": "database", "schema": "", "name": "", "column": ""}, "shop"),
    ],
)
def test_what_a_grant_is_on_is_named(logged_in, fake_ca, changes, on):
    grant = GRANT | changes | {"grantee": None, "by_way_of": []}
    fake_ca.routes["GET /v1/catalog/shop-db/grants"] = {"grants": [grant], "cursor": None}
    [row] = rows(logged_in("catalog", "grants", "shop-db"))
    assert [row[0].strip(), row[1].strip(), row[-2].strip()] == ["PUBLIC", "-", on]


def test_a_look_is_asked_for(logged_in):
    done = logged_in("catalog", "refresh", "shop-db")
    assert done.stderr == "asked c1 for it: `pgward catalog` shows when it is done\n"


def test_nothing_is_known(logged_in, fake_ca):
    fake_ca.routes["GET /v1/catalog"] = {"integrations": []}
    fake_ca.routes["GET /v1/catalog/shop-db/objects"] = {"objects": [], "cursor": None}
    assert logged_in("catalog").stderr == "there is no integration\n"
    assert logged_in("catalog", "ls", "shop-db").stderr == "nothing like that is known\n"


@pytest.mark.parametrize(
    ("size", "shown"),
    [(None, None), (0, "0 B"), (8192, "8 kB"), (5 * 1024**3, "5 GB"), (3 * 1024**4, "3 TB")],
)
def test_sizes_are_for_people(size, shown):
    assert _size(size) == shown
    assert terminal.cell(shown)
