from pgward.client.access import showing
from tests.fixtures.asked import ENTRY, approved, grant, request
from tests.fixtures.fake_ca import NOW


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


def test_what_holds_it_up_and_how_to_see_its_sql():
    shown = showing.fields(request(trouble="there is no connector c1", can=["plan"]), NOW)
    assert (shown["trouble"], shown["sql"]) == (
        "there is no connector c1",
        "pgward requests plan 4f0c12",
    )


def test_one_whole_with_what_happened(capsys):
    showing.show(request(reason="a\x1b[2Jb\nasked by  root"), NOW, timeline=True)
    *_, empty, line = capsys.readouterr().out.splitlines()
    assert empty == ""
    assert line.startswith("2026-11-21T12:00:00Z  alice asked: a\\x1b[2Jb\\nasked by  root (")


def test_who_decides_sees_all_of_it_beside_the_data(capsys):
    showing.before_deciding(request(), NOW)
    told = capsys.readouterr()
    assert told.out == ""
    assert "what         shop-reading (role pg_read_all_data)\n" in told.err
    assert "reason       TICKET-7\n" in told.err
