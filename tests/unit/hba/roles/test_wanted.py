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
