from datetime import UTC, datetime

import pytest

from pgward.core.errors import UnavailableError
from pgward.hba.roles.wanted import Grant, Own, Person, Wanted

ANSWER = {
    "maps": ["shop"],
    "people": [
        {
            "name": "ann",
            "roles": [{"role": "app", "superuser": False}, {"role": "all", "superuser": True}],
            "own": {"role": "ann", "superuser": False, "member_of": ["x"], "connection_limit": 3},
        },
        {"name": "ben", "roles": [], "own": None},
    ],
    "left": ["eve"],
    "drop": "unowned",
    "max_removed_percent": 20,
    "notes": ["said"],
}


def test_an_answer_is_read():
    assert Wanted.read("d", ANSWER) == Wanted(
        digest="d",
        maps=("shop",),
        people=(
            Person(
                "ann", (Grant("app"), Grant("all", superuser=True)), Own("ann", False, ("x",), 3)
            ),
            Person("ben"),
        ),
        left=frozenset({"eve"}),
        drop_unowned=True,
        max_removed_percent=20,
        notes=("said",),
    )


def person(**fields):
    return ANSWER | {"people": [ANSWER["people"][0] | fields]}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        person(name="/ann"),
        person(name="a b"),
        person(roles=[{"role": "a\nb", "superuser": False}]),
        person(roles=[{"role": "/a", "superuser": False}]),
        person(roles=[{"role": "", "superuser": False}]),
        person(roles=[{"role": "x" * 64, "superuser": False}]),
        person(roles=[{"role": None, "superuser": False}]),
        person(own={"role": "ann"}),
        ANSWER | {"people": [None]},
        ANSWER | {"max_removed_percent": "x"},
    ],
)
def test_what_would_break_a_file_is_refused(answer):
    with pytest.raises(UnavailableError, match="cannot be read"):
        Wanted.read("d", answer)


def test_what_only_a_grant_gives_has_an_end():
    role = {"role": "a_1", "superuser": False, "until": "2026-11-22T13:00:00Z"}
    standing = {"role": "app", "superuser": False}
    ann = {"name": "ann", "roles": [role, standing], "own": None}
    found = Wanted.read("d", ANSWER | {"people": [ann]})
    assert found.ends == {("ann", "a_1"): datetime(2026, 11, 22, 13, tzinfo=UTC)}


@pytest.mark.parametrize("until", ["noon", 7, "2026-11-22T13:00:00"])
def test_an_end_that_is_none_is_refused(until):
    role = {"role": "a_1", "superuser": False, "until": until}
    with pytest.raises(UnavailableError, match="cannot be read"):
        Wanted.read("d", ANSWER | {"people": [{"name": "ann", "roles": [role], "own": None}]})
