from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.client.access import words
from tests.fixtures.asked import ENTRY, approval, approved, decision, grant, request
from tests.fixtures.fake_ca import NOW

LATER = NOW + timedelta(minutes=35)


@given(st.sets(st.text("abcdef0123", min_size=16, max_size=16), max_size=30))
def test_short_ids_tell_one_from_the_other_and_are_no_longer_than_needed(ids):
    shorts = words.short_ids(sorted(ids))
    assert len(set(shorts.values())) == len(ids)
    assert all(each.startswith(short) for each, short in shorts.items())
    lengths = {len(short) for short in shorts.values()}
    assert len(lengths) <= 1
    for length in lengths:
        shorter = {each[: length - 1] for each in ids}
        assert length == words.LEAST_ID or len(shorter) < len(ids)


def test_short_ids_of_the_same_request_twice():
    assert words.short_ids(["a" * 16, "a" * 16]) == {"a" * 16: "a" * words.LEAST_ID}


def test_what_is_asked_for():
    assert words.what(request()) == [
        "shop-reading (role pg_read_all_data)",
        "role reporting",
        "table shop.public.orders:SELECT",
    ]
    assert words.what(request(**ENTRY)) == ["entry to the service"]


def test_much_is_cut_short_in_a_table():
    assert words.brief(request(roles=["a"])) == [
        "shop-reading",
        "role a",
        "table shop.public.orders:SELECT",
    ]
    assert words.brief(request(roles=list("abc"))) == [
        "shop-reading",
        "role a",
        "role b",
        "and 2 more",
    ]


OWNERS = "the integration's owner or the owner of what is asked for"
FAILED = {
    "state": "ended",
    "activated_at": None,
    "ended_at": "2026-11-21T12:06:00Z",
    "end_reason": "failed",
    "ended_by": "system:ca",
}
ENDED = {"state": "ended", "ended_at": "2026-11-21T12:30:00Z"}


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (request(), "pending, lapses in 23 hours 25 minutes"),
        (request(lapses_at=None), "pending"),
        (request(state="denied", decided_at="2026-11-21T12:05:00Z"), "denied 30 minutes ago"),
        (request(state="cancelled"), "cancelled"),
        (approved(), "active, ends in 1 hour 30 minutes"),
        (approved(grant=None), "approved 30 minutes ago"),
        (approved(grant=grant(state="pending")), "approved, not there yet"),
        (approved(grant=grant(state="ending")), "ending"),
        (approved(grant=grant(**ENDED, end_reason="revoked")), "revoked 5 minutes ago"),
        (approved(grant=grant(state="ended")), "ended"),
    ],
)
def test_how_a_request_stands(asked, text):
    assert words.state(asked, LATER) == text


@pytest.mark.parametrize(
    ("needed", "text"),
    [
        ([], "none needed"),
        ([approval()], "1 of group dba"),
        (
            [
                approval(users=["dora"], integration_owner=True, resource_owner=True, count=2),
                approval(given=1),
            ],
            f"2 of dora or group dba or {OWNERS}; 1 of group dba (1 given)",
        ),
        ([approval(groups=[])], "1 of nobody"),
    ],
)
def test_which_approvals_are_needed(needed, text):
    assert words.approvals(request(approvals=needed)) == text


def test_it_waits_for_who_has_not_said_yes_where_somebody_has_to():
    needed = [approval(count=2, given=1), approval(given=1, approvers=["zoe"])]
    asked = request(approvals=needed, decisions=[decision()])
    assert words.waits_for(asked) == ["carol"]


def test_the_time_line_of_one_that_was_approved_by_two_and_revoked():
    when = {"ended_at": "2026-11-21T12:30:00Z", "sessions_ended": 2}
    ended = grant(state="ended", end_reason="revoked", ended_by="bob", **when)
    said = [
        decision(reason="fine", counts=False),
        decision(by="carol", at="2026-11-21T12:04:00Z"),
    ]
    assert words.timeline(approved(grant=ended, decisions=said)) == [
        ("2026-11-21T12:00:00Z", "alice asked: TICKET-7"),
        ("2026-11-21T12:04:00Z", "carol approved"),
        ("2026-11-21T12:05:00Z", "bob approved: fine, which does not count any more"),
        ("2026-11-21T12:05:01Z", "it is there, as the role alice"),
        ("2026-11-21T12:30:00Z", "it ended: it was revoked, by bob; 2 sessions ended"),
    ]


def test_the_time_line_of_a_broken_glass():
    alone = grant(role=None, activated_at="2026-11-21T12:05:00Z")
    noted = {"acknowledged_at": "2026-11-21T13:00:00Z", "acknowledged_by": "bob"}
    asked = approved(break_glass=True, grant=alone, decisions=[], **noted)
    assert [text for _, text in words.timeline(asked)] == [
        "alice asked by breaking the glass: TICKET-7",
        "it was given at once",
        "it is there",
        "bob took note of it",
    ]


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (approved(automatic="on-call", decisions=[], grant=None), "approved by the rule on-call"),
        (request(state="cancelled", decided_at="2026-11-21T12:05:00Z"), "alice cancelled it"),
        (
            approved(decisions=[], grant=grant(**FAILED, problem="no such table")),
            "it ended: it could not be given: no such table",
        ),
        (request(state="denied", decisions=[decision("deny", reason="no")]), "bob denied it: no"),
    ],
)
def test_the_time_line_tells_who_or_what_decided(asked, text):
    assert words.timeline(asked)[1][1] == text


def test_the_time_line_of_one_that_nobody_answered():
    lapsed = request(state="lapsed", decided_at="2026-11-22T12:00:00Z", reason="")
    assert [text for _, text in words.timeline(lapsed)] == [
        "alice asked",
        "it lapsed: nobody decided in time",
    ]
