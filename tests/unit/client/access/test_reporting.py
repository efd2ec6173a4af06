"""``pgward access report``."""

import json

import pytest

from tests.fixtures.reviewed import right

ROUTE = "GET /v1/access/report"


RIGHTS = [
    right(group="engineers", members=3, unused=True),
    right(user="ann", group="engineers", path="flow", by="AccessFlow/oncall"),
    right(user="bob", path="grant", role="jit_bob", until="2026-11-21T14:05:00Z"),
    right(service=None, host="db1", group="dba", members=1, path="role-map", role="=app"),
    right(service=None, integration="shop-db", path="server-role", role="app", since=None),
    right(service=None, group="administrators", members=1, path="administrator", since=None),
]


@pytest.fixture
def ca(fake_ca):
    fake_ca.routes[ROUTE] = {"rights": RIGHTS, "after": None}
    return fake_ca


@pytest.mark.usefixtures("ca")
def test_a_table(logged_in):
    title, *rows = logged_in("access", "report").stdout.splitlines()
    assert title.split("  ")[0] == "WHO"
    assert [" ".join(each.split()) for each in rows] == [
        "group engineers (3) shop allow (Service/shop) - 2026-01-02 - never: unused",
        "ann (group engineers) shop flow (AccessFlow/oncall) - 2026-01-02 - -",
        "bob shop grant (Service/shop) jit_bob 2026-01-02 2026-11-21T14:05:00Z -",
        "group dba (1) host db1 role-map (Service/shop) =app 2026-01-02 - -",
        "- server shop-db server-role (Service/shop) app - - -",
        "group administrators (1) everything administrator (Service/shop) - - - -",
    ]


def test_who_is_blocked_and_what_is_wrong(logged_in, ca):
    flagged = right(integration="shop-db", service=None, role="x", flagged="a forged mark")
    rights = [right(user="ann", blocked=True), right(user="bob", group="dba", blocked=True)]
    ca.routes[ROUTE] = {"rights": [*rights, flagged], "after": None}
    title, ann, bob, server = logged_in("access", "report").stdout.splitlines()
    assert title.split()[-1] == "BEWARE"
    assert (ann.split("  ")[0], bob.split("  ")[0]) == ("ann (blocked)", "bob (group dba, blocked)")
    assert server.endswith("a forged mark")


@pytest.mark.usefixtures("ca")
def test_csv_that_no_spreadsheet_runs(logged_in):
    lines = logged_in("access", "report", "--csv").stdout.splitlines()
    assert lines[0] == (
        "path,user,group,members,service,integration,host,role,by,since,until,last_used,unused,blocked,flagged"
    )
    assert lines[1] == "allow,,engineers,3,shop,,,,Service/shop,2026-01-02T03:04:05Z,,,yes,no,"
    assert lines[4].split(",")[7] == "'=app"


def test_json_and_what_is_asked_for(logged_in, ca):
    done = logged_in(
        *("access", "report", "--user", "ann", "--people", "--days", "30", "-o", "json")
    )
    assert json.loads(done.stdout) == RIGHTS
    assert dict(ca.requests[-1].url.params) == {
        "user": "ann",
        "people": "true",
        "unused_days": "30",
        "limit": "1000",
    }


def test_no_more_than_wanted_is_asked_for(logged_in, ca):
    ca.routes[ROUTE] = {"rights": RIGHTS, "after": "next"}
    done = logged_in("access", "report", "--limit", "2", "--csv")
    assert len(done.stdout.splitlines()) == 3
    assert len(ca.requests) == 1


@pytest.mark.parametrize(("words", "said"), [([], "nobody\n"), (["--unused"], "nothing unused\n")])
def test_none(logged_in, ca, words, said):
    ca.routes[ROUTE] = {"rights": [], "after": None}
    assert logged_in("access", "report", *words).stderr == said


@pytest.mark.usefixtures("ca")
def test_one_form_at_a_time(logged_in):
    done = logged_in("access", "report", "--csv", "-o", "json")
    assert done.exit_code == 2
