from datetime import UTC, datetime, timedelta

import pytest

from pgward.hba.agent.deadman import MOST_STEPS, Life, lives, watch
from tests.fixtures.material import SmallCa

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
LIFE = Life("the list", START, START + DAY, "PostgreSQL refuses everyone")


@pytest.mark.parametrize(
    ("hours", "step"),
    [(0, 0), (11.99, 0), (12, 1), (17.99, 1), (18, 2), (21, 3), (23.99, 9), (24, 10), (100, 10)],
)
def test_steps_halve_what_is_left(hours, step):
    assert LIFE.step(START + hours * HOUR) == step


def test_the_next_step_is_known_until_the_last():
    now, seen = START, []
    while (due := LIFE.due(now)) is not None:
        assert due > now
        now = due
        seen.append(LIFE.step(now))
    assert seen == list(range(1, MOST_STEPS + 1))
    assert now == START + DAY


def test_a_clock_that_was_put_back_raises_no_alarm():
    assert LIFE.step(START - DAY) == 0
    assert LIFE.due(START - DAY) == START


def test_a_clock_that_jumped_ahead_raises_it_at_once():
    assert LIFE.step(START + 2 * DAY) == MOST_STEPS


def test_what_is_told_names_the_moment_and_the_consequence():
    assert LIFE.message(START) == (
        "the list ends 2026-01-02T00:00:00Z and cannot be renewed: then PostgreSQL refuses everyone"
    )
    assert LIFE.message(START + DAY) == (
        "the list ended 2026-01-02T00:00:00Z: PostgreSQL refuses everyone"
    )


@pytest.fixture
def material():
    return SmallCa().current()


def ends(material):
    return min(life.ends for life in lives(material, None))


def begins(material):
    return max(each.last_update_utc for each in material.revocation_lists)


def test_each_list_and_the_certificate_is_watched(material):
    found = lives(material, None)
    assert len(found) == len(material.revocation_lists) + 1
    assert found[-1].ends == material.not_after
    assert {life.consequence for life in found} == {
        "PostgreSQL refuses everyone",
        "clients refuse the server",
    }


def test_all_is_well_while_the_ca_gives_lists(material):
    now = begins(material) + timedelta(seconds=90)
    alarm = watch(material, now, now)
    assert alarm.step == 0
    assert alarm.due is not None
    assert alarm.due > now


def test_half_of_what_was_left_when_the_ca_went_away(material):
    got = begins(material) + timedelta(minutes=1)
    half = got + (ends(material) - got) / 2
    assert watch(material, got, half - timedelta(seconds=1)).step == 0
    assert watch(material, got, half + timedelta(seconds=1)).step == 1


def test_a_ca_that_answers_and_renews_nothing_raises_it_too(material):
    now = begins(material) + 0.7 * (ends(material) - begins(material))
    assert watch(material, now, now).step >= 1


def test_the_end(material):
    alarm = watch(material, None, ends(material))
    assert (alarm.step, alarm.ends) == (MOST_STEPS, ends(material))
    assert "PostgreSQL refuses everyone" in alarm.message or "clients refuse" in alarm.message
