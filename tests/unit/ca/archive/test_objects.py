"""What every place for objects does, and which keys there are."""

import pytest

from pgward.ca.archive import objects
from pgward.ca.archive.objects import NoObjects
from pgward.core.errors import InvalidInputError, NotFoundError, UnavailableError


def test_an_object_is_written_once(place):
    assert place.put_if_absent("audit/e1/1.zst", b"first")
    assert not place.put_if_absent("audit/e1/1.zst", b"second")
    assert place.get("audit/e1/1.zst") == b"first"


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, None, b"0123456789"), (3, 5, b"34"), (8, 20, b"89"), (5, None, b"56789"), (4, 4, b"")],
)
def test_a_range_of_an_object(place, start, end, expected):
    place.put_if_absent("a", b"0123456789")
    assert place.get("a", start, end) == expected


def test_keys_come_in_their_order_from_any_place_on(place):
    for key in ("b/2", "a/b", "a-b", "a/a/z", "a/a.x"):
        place.put_if_absent(key, b"x")
    expected = ["a-b", "a/a.x", "a/a/z", "a/b", "b/2"]
    assert list(place.list("")) == expected
    assert list(place.list("a/")) == expected[1:4]
    assert list(place.list("a/a")) == expected[1:3]
    assert list(place.list("", after="a/a.x")) == expected[2:]
    assert list(place.list("c/")) == []


def test_what_is_deleted_is_gone_and_may_be_deleted_again(place):
    place.put_if_absent("a", b"x")
    place.delete("a")
    place.delete("a")
    with pytest.raises(NotFoundError, match="the archive has no object a"):
        place.get("a")
    assert place.put_if_absent("a", b"y")


@pytest.mark.parametrize("key", ["", "/a", "a/", "../a", "a/../b", "a//b", ".a", "a b", "a\n", "ä"])
def test_keys_that_no_place_has(place, key):
    with pytest.raises(InvalidInputError):
        place.put_if_absent(key, b"x")
    with pytest.raises(InvalidInputError):
        place.get(key)


@pytest.mark.parametrize("prefix", ["/", "a/../", "*"])
def test_prefixes_that_no_key_has(place, prefix):
    with pytest.raises(InvalidInputError):
        list(place.list(prefix))


def test_a_key_is_returned_when_it_is_one():
    assert objects.checked("audit/e-1/00.zst") == "audit/e-1/00.zst"
    assert objects.checked_prefix("audit/e-1/0") == "audit/e-1/0"


@pytest.mark.parametrize(
    "ask",
    [
        lambda place: place.put_if_absent("a", b""),
        lambda place: place.get("a"),
        lambda place: place.list(""),
        lambda place: place.delete("a"),
    ],
)
def test_without_a_place_everything_is_unavailable(ask):
    with pytest.raises(UnavailableError, match="this authority has no archive"):
        ask(NoObjects())
