import pytest

from pgward.client.access import showing
from tests.fixtures.asked import ENTRY, approved, grant, request
from tests.fixtures.fake_ca import NOW

PLAN = [
    {"database": "shop", "sql": 'CREATE ROLE "alice"'},
    {"database": "shop", "sql": "GRANT\x1b[2J SELECT"},
    {"database": "stock", "sql": "GRANT USAGE"},
]


def test_what_a_request_does_not_have_is_left_out():
    bare = request(**ENTRY, integration=None, reason="", approvals=[])
    assert showing.fields(bare, NOW) == {
        "id": "4f0c12ab34cd56ef",
        "standing": "pending, lapses in 1 day",
        "user": "alice",
        "service": "shop",
        "flow": "shop-oncall",
        "what": ["entry to the service"],
        "for": "2 hours",
        "approvals": "none needed",
    }


def test_a_grant_brings_its_role_its_end_and_its_problem():
    shown = showing.fields(approved(grant=grant(problem="away"), break_glass=True), NOW)
    assert {name: shown[name] for name in ("role", "until", "problem", "for")} == {
        "role": "alice",
        "until": "2026-11-21T14:05:00Z",
        "problem": "away",
        "for": "2 hours, by breaking the glass",
    }


def test_one_whole_with_what_happened(capsys):
    showing.show(request(reason="a\x1b[2Jb\nasked by  root"), NOW, timeline=True)
    *_, empty, line = capsys.readouterr().out.splitlines()
    assert empty == ""
    assert line.startswith("2026-11-21T12:00:00Z  alice asked: a\\x1b[2Jb\\nasked by  root (")


@pytest.mark.parametrize(
    ("most", "shown"),
    [
        (
            None,
            [
                "-- in shop",
                'CREATE ROLE "alice"',
                "GRANT\\x1b[2J SELECT",
                "-- in stock",
                "GRANT USAGE",
            ],
        ),
        (1, ["-- in shop", 'CREATE ROLE "alice"', "-- and 2 more"]),
    ],
)
def test_a_plan_by_database(most, shown):
    written = []
    showing.statements(written.append, PLAN, most)
    assert written == shown


def test_who_decides_sees_all_of_it_beside_the_data(capsys):
    showing.before_deciding(request(), PLAN, NOW)
    told = capsys.readouterr()
    assert told.out == ""
    assert "reason       TICKET-7" in told.err
    assert "what it does on the server:\n-- in shop\n" in told.err
    showing.before_deciding(request(), [], NOW)
    assert "server:" not in capsys.readouterr().err
