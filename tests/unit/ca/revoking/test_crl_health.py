from datetime import timedelta

import pytest

from pgward.ca.revoking import crl_health
from pgward.ca.revoking.crl_health import State, Times
from tests.fixtures.authority import START

WEEK, YEAR = timedelta(days=7), timedelta(days=365)


def judge(made_for, age):
    times = Times(5, START, START + made_for)
    return crl_health.judge("x", times, START + age)


@pytest.mark.parametrize(
    ("age", "state", "message"),
    [
        (timedelta(minutes=5), State.OK, "it lasts until 2026-11-28T12:00:00Z"),
        (timedelta(hours=24), State.OK, "it lasts until 2026-11-28T12:00:00Z"),
        (timedelta(hours=25), State.WARNING, "it was not renewed since 2026-11-21T12:00:00Z"),
        (timedelta(days=4.3), State.WARNING, "it ends at 2026-11-28T12:00:00Z"),
        (timedelta(days=6), State.CRITICAL, "it ends at 2026-11-28T12:00:00Z"),
        (WEEK, State.CRITICAL, "it ended at 2026-11-28T12:00:00Z"),
        (timedelta(seconds=-1), State.CRITICAL, "it begins only at 2026-11-21T12:00:00Z"),
    ],
)
def test_an_issuing_cas_list(age, state, message):
    found = judge(WEEK, age)
    assert (found.state, found.message) == (state, message)
    assert (found.number, found.this_update, found.next_update) == (5, START, START + WEEK)
    assert found.age == age


@pytest.mark.parametrize(
    ("left", "state"),
    [
        (timedelta(days=31), State.OK),
        (timedelta(days=30), State.WARNING),
        (timedelta(days=7), State.CRITICAL),
    ],
)
def test_a_roots_list_is_told_a_month_before(left, state):
    assert judge(15 * YEAR, 15 * YEAR - left).state is state


def test_a_companys_root_that_signs_a_list_each_month():
    month = timedelta(days=30)
    states = [judge(month, timedelta(days=days)).state for days in (10, 17, 18, 25, 26)]
    assert states == [State.OK, State.OK, State.WARNING, State.WARNING, State.CRITICAL]


@pytest.mark.parametrize(
    ("made_for", "left", "expected"),
    [
        (WEEK, timedelta(hours=2), False),
        (WEEK, timedelta(hours=1), True),
        (WEEK, timedelta(), True),
        (WEEK, WEEK + timedelta(seconds=1), True),
        # A company's root may sign a list every few hours: an hour before the end is early then.
        (timedelta(hours=4), timedelta(minutes=50), False),
        (timedelta(hours=4), timedelta(minutes=36), True),
    ],
)
def test_people_are_locked_out_by_a_list_later_than_the_alarm(made_for, left, expected):
    now = START + made_for - left
    found = crl_health.judge("x", Times(5, START, START + made_for), now)
    assert crl_health.locks_out(found, now) is expected
    assert found.state is State.CRITICAL or not expected


def test_people_are_locked_out_by_a_list_that_is_missing():
    assert crl_health.locks_out(crl_health.judge("x", None, START), START)


def test_every_ca_is_reported(sql_authority, store, clock):
    found = crl_health.report(sql_authority, store, clock.now())
    assert [each.ca for each in found] == list(sql_authority.crl_names)
    assert {each.state for each in found} == {State.OK}
    newest = sql_authority.crl("user-issuing")
    assert (found[1].number, found[1].next_update) == (newest.number, newest.next_update)
    assert found[1].age == timedelta(seconds=60)


def test_the_newest_of_several_counts(sql_authority, store, clock):
    clock.move(days=6)
    before = crl_health.report(sql_authority, store, clock.now())
    sql_authority.publish_crls()
    after = crl_health.report(sql_authority, store, clock.now())
    assert max(each.state.rank for each in before) == State.CRITICAL.rank
    assert {each.state for each in after} == {State.OK}


def test_one_that_is_missing(store, clock):
    class Names:
        crl_names = ("user-issuing-2",)

    (found,) = crl_health.report(Names(), store, clock.now())
    assert (found.state, found.message, found.number) == (State.CRITICAL, "there is none", None)


def test_states_are_ranked():
    assert [state.rank for state in (State.OK, State.WARNING, State.CRITICAL)] == [0, 1, 2]
