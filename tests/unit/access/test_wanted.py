from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pgward.access.rights import ObjectRights, Rights
from pgward.access.wanted import Grant, Wanted
from pgward.core.errors import InvalidInputError

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
READING = Rights(objects=frozenset({ObjectRights("shop", "table", "*", "*", ("SELECT",))}))
SHORT = Grant("g1", "alice", "alice", NOON + timedelta(minutes=5), frozenset({"reading"}))
LONG = Grant("g2", "bob", "bob", NOON + timedelta(hours=1), rights=Rights(frozenset({"writers"})))
WANTED = Wanted(7, {"reading": READING}, (SHORT, LONG), "owner")


def test_what_is_wanted_is_read_as_it_was_written() -> None:
    assert Wanted.read(WANTED.to_json()) == WANTED


def test_grants_that_are_over_take_their_bundles_along() -> None:
    assert WANTED.live(NOON + timedelta(minutes=5)) == Wanted(7, {}, (LONG,), "owner")


def test_the_next_end_is_the_earliest_that_is_to_come() -> None:
    ends = [WANTED.next_end(NOON + timedelta(minutes=minutes)) for minutes in (0, 5, 60)]
    assert ends == [SHORT.until, LONG.until, None]


@pytest.mark.parametrize(
    "change",
    [
        {"version": "x"},
        {"bundles": []},
        {"bundles": {}},
        {"grants": [{}]},
        {"reassign_to": ""},
        {"grants": [{**SHORT.to_json(), "role": "x" * 64}]},
        {"grants": [{**SHORT.to_json(), "person": "a,b"}]},
        {"grants": [{**SHORT.to_json(), "until": "tomorrow"}]},
    ],
)
def test_an_answer_that_is_none_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        Wanted.read({**WANTED.to_json(), **change})


def test_passwords_are_of_the_roles_that_live() -> None:
    wanted = replace(WANTED, passwords={"alice": 3, "bob": 1})
    assert Wanted.read(wanted.to_json()) == wanted
    assert wanted.live(NOON).passwords == {"alice": 3, "bob": 1}
    assert wanted.live(NOON + timedelta(minutes=5)).passwords == {"bob": 1}


def test_a_ca_of_before_speaks_of_no_passwords() -> None:
    fields = Wanted(7).to_json()
    del fields["passwords"]
    assert Wanted.read(fields) == Wanted(7)
