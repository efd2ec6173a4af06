import json

import pytest

from tests.fixtures.commands import body

PATH = "GET /v1/resources/service/a/history"


def version(number, change="updated", database="x", **more):
    spec = None if change == "deleted" else {"database": database}
    return {
        "kind": "Service",
        "version": number,
        "change": change,
        "at": f"2026-11-2{number}T12:00:00Z",
        "by": "ann",
        "reason": "",
        "restored": None,
        "description": "",
        "spec": spec,
    } | more


@pytest.fixture
def past(fake_ca):
    """A service that was made, changed, deleted and brought back."""
    found = [
        version(4, "created", "y", restored=2),
        version(3, "deleted", reason="moved"),
        version(2, database="y", reason="TICKET-7"),
        version(1, "created"),
    ]
    fake_ca.routes[PATH] = {"versions": found, "next": None}
    return fake_ca


def test_history_is_a_table_of_who_when_and_why(logged_in, past):
    assert logged_in("history", "service", "a").stdout == (
        "VERSION  CHANGE             AT                    BY   REASON\n"
        "4        created (as in 2)  2026-11-24T12:00:00Z  ann  -\n"
        "3        deleted            2026-11-23T12:00:00Z  ann  moved\n"
        "2        updated            2026-11-22T12:00:00Z  ann  TICKET-7\n"
        "1        created            2026-11-21T12:00:00Z  ann  -\n"
    )
    assert past.requests[-1].url.query == b"limit=21"


@pytest.mark.usefixtures("past")
def test_differences_are_to_the_version_before(logged_in):
    lines = logged_in("history", "service", "a", "--diff").stdout.splitlines()
    assert [each for each in lines if each.startswith("version")] == [
        "version 4, created (as in 2), 2026-11-24T12:00:00Z, by ann",
        "version 3, deleted, 2026-11-23T12:00:00Z, by ann, moved",
        "version 2, updated, 2026-11-22T12:00:00Z, by ann, TICKET-7",
        "version 1, created, 2026-11-21T12:00:00Z, by ann",
    ]
    assert [each for each in lines if "database" in each] == [
        "+  database: y",
        "-  database: y",
        "-  database: x",
        "+  database: y",
        "+  database: x",
    ]


def test_pages_are_read_until_there_are_enough(logged_in, fake_ca):
    pages = iter(
        [
            {"versions": [version(4), version(3)], "next": 3},
            {"versions": [version(2), version(1)], "next": None},
        ]
    )
    fake_ca.routes[PATH] = lambda _: next(pages)
    told = json.loads(logged_in("history", "service", "a", "--limit", 3, "-o", "json").stdout)
    assert [each["version"] for each in told] == [4, 3, 2]
    assert fake_ca.requests[-1].url.query == b"before=3&limit=4"


def test_one_version_is_printed_as_it_can_be_applied(logged_in, fake_ca):
    fake_ca.routes[PATH] = {"versions": [version(2)], "next": None}
    done = logged_in("history", "service", "a", "--version", 2)
    assert done.stdout == "kind: Service\nmetadata:\n  name: a\nspec:\n  database: x\n"
    assert fake_ca.requests[-1].url.query == b"before=3&limit=1"
    told = json.loads(logged_in("history", "service", "a", "--version", 2, "-o", "json").stdout)
    assert told["spec"] == {"database": "x"}
    none = logged_in("history", "service", "a", "--version", 9)
    assert (none.exit_code, "there is no version 9 of service a" in none.stderr) == (1, True)
    fake_ca.routes[PATH] = {"versions": [version(2, "deleted")], "next": None}
    gone = logged_in("history", "service", "a", "--version", 2)
    assert (gone.stdout, gone.stderr) == ("", "version 2 is its deletion\n")


@pytest.fixture
def rolling(fake_ca):
    before, after = (
        {"kind": "Service", "metadata": {"name": "a", "version": v}, "spec": {"database": d}}
        for v, d in ((4, "y"), (5, "x"))
    )
    done = {"change": "updated", "resource": after, "before": before, "notes": ["look out"]}
    fake_ca.routes["POST /v1/resources/service/a/rollback"] = done
    return fake_ca


def test_a_rollback_says_what_became_of_it(logged_in, rolling):
    done = logged_in("rollback", "service", "a", "--to", 1, "-m", "it broke", "--allow-lockout")
    assert (done.stdout, done.stderr) == ("Service a updated\n", "look out\n")
    assert body(rolling) == {
        "to": 1,
        "dry_run": False,
        "reason": "it broke",
        "allow_lockout": True,
        "untried": False,
    }


def test_a_rollback_can_be_looked_at_before(logged_in, rolling):
    done = logged_in("rollback", "service", "a", "--dry-run")
    assert "-  database: y\n+  database: x\nService a updated (dry run)\n" in done.stdout
    assert (body(rolling)["to"], body(rolling)["dry_run"]) == (None, True)


def test_a_description_tells_what_hangs_on_a_resource(logged_in, fake_ca):
    there = {"kind": "Policy", "name": "p", "field": "spec.postgres.policies", "exists": True}
    user = {"kind": "AccessFlow", "name": "f", "field": "spec.services", "exists": True}
    found = {
        "resource": {"kind": "Service", "metadata": {"name": "a", "version": 2}, "spec": {}},
        "refers_to": [there, there | {"name": "q", "exists": False}],
        "referred_to_by": [user],
        "notes": [],
        "versions": [version(2, reason="why\x1b")],
    }
    fake_ca.routes["GET /v1/resources/service/a/description"] = found
    assert logged_in("describe", "service", "a").stdout == (
        "kind: Service\nmetadata:\n  name: a\nspec: {}\n"
        "\nrefers to:\n"
        "  Policy p (spec.postgres.policies)\n"
        "  Policy q (spec.postgres.policies), which does not exist\n"
        "\nis referred to by:\n"
        "  AccessFlow f (spec.services)\n"
        "\nlast changes:\n"
        "  version 2 updated 2026-11-22T12:00:00Z by ann: why\\x1b\n"
    )
    assert json.loads(logged_in("describe", "service", "a", "-o", "json").stdout) == found


def test_a_description_has_the_last_word_of_a_connector(logged_in, fake_ca):
    word = {
        "machine": "connector:c1",
        "last_seen_at": "2026-11-22T12:00:00Z",
        "told_at": "2026-11-22T11:59:00Z",
        "state": "away",
        "problem": "db1:5432 is\x1b away",
        "server_version": None,
        "trouble": "the connector cannot reach the server",
    }
    found = {
        "resource": {"kind": "Integration", "metadata": {"name": "a"}, "spec": {}},
        **{key: [] for key in ("refers_to", "referred_to_by", "notes", "versions")},
        "connector": word,
    }
    fake_ca.routes["GET /v1/resources/integration/a/description"] = found
    assert logged_in("describe", "integration", "a").stdout.endswith(
        "\nconnector:\n"
        "  connector:c1, heard last 2026-11-22T12:00:00Z\n"
        "  it told at 2026-11-22T11:59:00Z: away\n"
        "  db1:5432 is\\x1b away\n"
        "  the connector cannot reach the server\n"
    )
    silent = dict.fromkeys(word) | {"machine": "edge:e1", "trouble": "there is no edge e1"}
    found["connector"] = silent
    assert logged_in("describe", "integration", "a").stdout.endswith(
        "\nconnector:\n  edge:e1, heard last never\n  there is no edge e1\n"
    )
