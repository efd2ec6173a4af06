import time
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.connector.clock import CaClock, machine_ticks
from tests.fixtures.connectors import NOW, FakeTicks, heard_clock


def seconds(number):
    return timedelta(seconds=number)


def test_it_knows_nothing_until_the_authority_spoke():
    clock = CaClock(FakeTicks().ticks())
    assert (clock.now(), clock.to_json()) == (None, None)


def test_it_counts_on_by_itself_whatever_the_wall_clock_does():
    ticks = FakeTicks()
    clock = heard_clock(ticks)
    ticks.sleep(90)
    ticks.wall -= timedelta(days=300)
    assert clock.now() == NOW + seconds(90)


def test_an_answer_that_was_slow_does_not_set_it_back():
    ticks = FakeTicks()
    clock = heard_clock(ticks)
    clock.heard(NOW - seconds(0.5))
    assert clock.now() == NOW


def test_an_authority_that_set_its_clock_is_followed_in_both_directions():
    clock = heard_clock(FakeTicks())
    for moved in (NOW + seconds(3600), NOW - seconds(3600), NOW + seconds(0.2)):
        clock.heard(moved)
        assert clock.now() == moved


def test_another_process_of_the_same_machine_goes_on_to_the_second():
    ticks = FakeTicks()
    kept = heard_clock(ticks).to_json()
    ticks.sleep(40)
    ticks.wall += timedelta(days=30)
    clock = CaClock(ticks.ticks())
    clock.restore(kept)
    assert clock.now() == NOW + seconds(40)


def test_after_another_start_of_the_machine_the_wall_clock_tells():
    ticks = FakeTicks()
    kept = heard_clock(ticks, NOW + seconds(7)).to_json()
    ticks.reboot(120)
    clock = CaClock(ticks.ticks())
    clock.restore(kept)
    assert clock.now() == NOW + seconds(127)


def test_no_time_comes_twice_though_the_wall_clock_was_set_back():
    ticks = FakeTicks()
    kept = heard_clock(ticks).to_json()
    ticks.reboot(-86400)
    clock = CaClock(ticks.ticks())
    clock.restore(kept)
    assert clock.now() == NOW


@pytest.mark.parametrize(
    "changes", [{"now": "x"}, {"now": 5}, {"boot": "boot-1", "seconds": "x"}, {"now": None}]
)
def test_what_is_no_clock_is_refused(changes):
    kept = heard_clock(FakeTicks()).to_json() | changes
    clock = CaClock(FakeTicks().ticks())
    with pytest.raises((ValueError, TypeError)):
        clock.restore(kept)
    with pytest.raises(KeyError):
        clock.restore({})


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 0.9)), max_size=20))
def test_it_is_never_behind_what_was_heard_and_never_ahead_of_the_authority(steps):
    ticks = FakeTicks()
    clock, true = heard_clock(ticks), NOW
    for passed, delay in steps:
        ticks.sleep(passed)
        true += seconds(passed)
        clock.heard(true - seconds(delay))
        assert true - seconds(delay + 1e-3) <= clock.now() <= true + seconds(1e-3)


def test_the_machines_own_ticks_count_through_its_sleep():
    ticks = machine_ticks()
    assert ticks.seconds() == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=5)
    assert ticks.boot == machine_ticks().boot
