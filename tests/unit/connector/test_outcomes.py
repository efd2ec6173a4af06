import json
from datetime import timedelta

from pgward.connector.assignment import Ending
from pgward.connector.outcomes import (
    FAILS_AFTER,
    MOST_ITEMS,
    MOST_LETTERS,
    MOST_NAME,
    Telling,
    lines,
    over,
    reports,
)
from pgward.core.clock import precise_rfc3339
from tests.fixtures.connectors import NOW, Came, Drifted, Ran, assignment, grant_fields

AT = "2026-03-01T12:00:00.000000Z"
LATER = NOW + timedelta(hours=2)


def grant(name, state, problem=None, sessions=0, at=AT):
    return {
        "id": name,
        "state": state,
        "at": at,
        "problem": problem,
        "sessions_ended": sessions,
    }


def test_what_is_there_is_told_once():
    telling, given = Telling(), assignment(grant_fields())
    came = Came(active=frozenset({"g1", "stranger"}))
    assert telling.grants(given, came, NOW) == [grant("g1", "active")]
    assert telling.grants(given, came, NOW) == []
    telling.forget()
    assert telling.grants(given, came, NOW) == [grant("g1", "active")]


def test_a_grant_that_cannot_be_made_has_some_time_for_it():
    telling, given = Telling(), assignment(grant_fields())
    came = Came(failed={"g1": "the role alice is somebody's"})
    for seconds in (0, 5, 14):
        assert telling.grants(given, came, NOW + timedelta(seconds=seconds)) == []
        assert telling.is_failing
    later = NOW + FAILS_AFTER
    expected = grant("g1", "failed", "the role alice is somebody's", at=precise_rfc3339(later))
    assert telling.grants(given, came, later) == [expected]
    assert not telling.is_failing


def test_what_nobody_can_make_is_given_up_at_once():
    telling, given = Telling(), assignment(grant_fields())
    came = Came(failed={"g1": "there is no database 'shop'"}, final=frozenset({"g1"}))
    expected = grant("g1", "failed", "there is no database 'shop'")
    assert telling.grants(given, came, NOW) == [expected]
    assert not telling.is_failing


def test_what_came_once_begins_anew():
    telling, given = Telling(), assignment(grant_fields())
    came = Came(failed={"g1": "locked"})
    telling.grants(given, came, NOW)
    telling.grants(given, Came(), NOW + timedelta(seconds=10))
    assert telling.grants(given, came, NOW + FAILS_AFTER) == []


def test_one_that_was_there_is_not_given_up():
    telling, given = Telling(), assignment(grant_fields())
    telling.grants(given, Came(active=frozenset({"g1"})), NOW)
    for seconds in (1, 60):
        later = NOW + timedelta(seconds=seconds)
        assert telling.grants(given, Came(failed={"g1": "a table is gone"}), later) == []


def test_what_is_not_given_yet_has_not_failed():
    telling, given = Telling(), assignment(grant_fields())
    came = Came(failed={"g1": "not made yet"})
    for seconds in (0, 60):
        later = NOW + timedelta(seconds=seconds)
        assert telling.grants(given, came, later, give=False) == []
    assert telling.grants(given, came, later) == []


def test_an_end_is_told_again_when_the_authority_still_waits_for_it():
    """It may have heard of it too early, by its own clock."""
    telling = Telling()
    ended = grant("g1", "ended", at=precise_rfc3339(LATER))
    assert telling.grants(assignment(grant_fields()), Came(), LATER) == [ended]
    asked = assignment(ending=({"id": "g1", "role": "alice"},))
    assert telling.grants(asked, Came(), LATER) == [ended]
    assert telling.grants(asked, Came(), LATER) == []


def test_an_end_is_told_when_nothing_is_left_of_it():
    telling = Telling()
    given = assignment(grant_fields(), ending=({"id": "g0", "role": "bob"},))
    left = Came(left=frozenset({"alice", "bob"}), sessions_ended={"alice": 2})
    assert telling.grants(given, left, LATER) == []
    done = telling.grants(given, Came(), LATER)
    at = "2026-03-01T14:00:00.000000Z"
    assert done == [grant("g0", "ended", at=at), grant("g1", "ended", sessions=2, at=at)]
    assert telling.grants(given, Came(), LATER) == []


def test_who_ended_and_who_waits_is_known_once_each():
    given = assignment(grant_fields(), ending=({"id": "g1", "role": "alice"},))
    assert over(given, NOW) == [Ending("g1", "alice")]
    assert over(given, LATER) == [Ending("g1", "alice")]
    assert over(assignment(grant_fields()), NOW) == []


def test_one_report_holds_what_fits():
    given = assignment()
    came = Came(drift=(Drifted(),), statements=(Ran("shop", "grant x"),))
    health = {"state": "ok"}
    found = list(reports(given, 7, grants=[{"id": "g"}], outcome=came, health=health, now=NOW))
    assert found == [
        {
            "integration": "shop-db",
            "version": 7,
            "grants": [{"id": "g"}],
            "drift": [
                {
                    "what": "membership",
                    "role": "alice",
                    "detail": "was a member of dba",
                    "mended": True,
                }
            ],
            "statements": [{"at": AT, "database": "shop", "sql": "grant x"}],
            "health": {"state": "ok"},
        }
    ]


def test_health_alone_is_a_report():
    (found,) = reports(assignment(), 1, grants=[], outcome=None, health={"state": "away"}, now=NOW)
    assert (found["grants"], found["drift"], found["statements"]) == ([], [], [])


def test_much_is_told_in_pieces_that_the_authority_takes():
    grants = [grant(f"g{n}", "active") for n in range(MOST_ITEMS + 1)]
    long = Ran("shop", "x" * (2 * MOST_LETTERS))
    came = Came(statements=(long,) * 100)
    found = list(reports(assignment(), 1, grants=grants, outcome=came, health={}, now=NOW))
    assert sum(len(each["grants"]) for each in found) == len(grants)
    assert sum(len(each["statements"]) for each in found) == 100
    assert max(len(json.dumps(each)) for each in found) < 1024 * 1024
    assert max(len(each["grants"]) for each in found) == MOST_ITEMS


def test_names_that_are_no_text_are_told_all_the_same():
    came = Came(
        drift=(Drifted(role="a\udcff", detail="x" * 2000),),
        statements=(Ran("s\udcfe", "grant \udcff"),),
    )
    (found,) = reports(assignment(), 1, grants=[], outcome=came, health={}, now=NOW)
    (statement,), (drift,) = found["statements"], found["drift"]
    assert (statement["database"], statement["sql"]) == ("s\\udcfe", "grant \\udcff")
    assert (drift["role"], len(drift["detail"])) == ("a\\udcff", 1000)
    json.dumps(found, ensure_ascii=False).encode()


def test_a_name_is_told_as_far_as_the_authority_takes_it():
    strange = "\udcff" * 63
    came = Came(drift=(Drifted(role=strange),), statements=(Ran(strange, "select 1"),))
    (found,) = reports(assignment(), 1, grants=[], outcome=came, health={}, now=NOW)
    assert len(found["drift"][0]["role"]) == MOST_NAME
    assert len(found["statements"][0]["database"]) == MOST_NAME


def test_the_log_says_what_was_made_and_ended():
    given = assignment(grant_fields(), ending=({"id": "g0", "role": "bob"},))
    told = [
        grant("g1", "active"),
        grant("g0", "ended", sessions=1),
        grant("g1", "failed", "no such table"),
    ]
    assert list(lines(given, told)) == [
        "alice is there for alice until 2026-03-01T13:00:00Z (g1)",
        "bob has nothing of it any more, 1 session ended (g0)",
        "alice cannot be made (g1): no such table",
    ]


def test_passwords_that_are_there_are_told_once_and_again_when_the_authority_was_away():
    telling, came = Telling(), Came(passwords={"alice": 2})
    assert telling.passwords(came) == {"alice": 2}
    assert telling.passwords(came) == {}
    assert telling.passwords(Came(passwords={"alice": 3})) == {"alice": 3}
    telling.forget()
    assert telling.passwords(Came(passwords={"alice": 3})) == {"alice": 3}


def test_an_authority_of_before_hears_of_no_passwords():
    given = {"grants": [], "outcome": None, "health": {}, "now": NOW}
    (without,) = reports(assignment(), 1, **given)
    (with_one,) = reports(assignment(), 1, **given, passwords={"alice": 2})
    assert "passwords" not in without
    assert with_one == without | {"passwords": [{"role": "alice", "version": 2}]}
