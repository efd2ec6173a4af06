import pytest

from pgward.ca.archive import index
from pgward.ca.archive.index import Wanted
from pgward.core.clock import parse_rfc3339
from tests.fixtures.chunks import at, record


@pytest.fixture
def filled(archived):
    archived.add(record(10), record(20, user="bob"))
    archived.add(record(5, user="carol", service="books", edge="e2"), edge="e2")
    archived.add(record(30), record(15))
    return archived


def seconds(rows):
    return [(row["edge"], row["first_seq"]) for row in rows]


def by_time(filled, newest=True, place=None, **wanted):
    moment = None if place is None else parse_rfc3339(at(place))
    return seconds(index.by_time(filled.store, Wanted(**wanted), newest=newest, place=moment))


def test_the_order_of_time(filled):
    assert by_time(filled) == [("e1", 3), ("e1", 1), ("e2", 1)]
    assert by_time(filled, newest=False) == [("e2", 1), ("e1", 1), ("e1", 3)]


def test_from_a_place_on(filled):
    assert by_time(filled, place=12) == [("e1", 1), ("e2", 1)]
    assert by_time(filled, newest=False, place=21) == [("e1", 3)]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"user": "bob"}, [("e1", 1)]),
        ({"user": "alice"}, [("e1", 3), ("e1", 1)]),
        ({"service": "books", "user": "carol"}, [("e2", 1)]),
        ({"service": "books", "user": "bob"}, []),
        ({"edge": "e2"}, [("e2", 1)]),
        ({"since": parse_rfc3339(at(21))}, [("e1", 3)]),
        ({"until": parse_rfc3339(at(10))}, [("e2", 1)]),
    ],
)
def test_which_may_hold_what_is_wanted(filled, wanted, expected):
    assert by_time(filled, **wanted) == expected


def test_a_chunk_with_more_names_than_are_listed_may_hold_any(archived):
    archived.add(*(record(i, user=f"u{i}") for i in range(300)))
    assert by_time(archived, user="u299") == by_time(archived, user="nobody") == [("e1", 1)]


def test_what_is_more_than_a_batch(archived, monkeypatch):
    monkeypatch.setattr(index, "BATCH", 2)
    for number in range(5):
        archived.add(record(1 if number < 4 else 0))  # at the same time, for the most part
    assert by_time(archived) == [("e1", 4), ("e1", 3), ("e1", 2), ("e1", 1), ("e1", 5)]
    assert by_time(archived, newest=False) == [
        ("e1", 5),
        ("e1", 1),
        ("e1", 2),
        ("e1", 3),
        ("e1", 4),
    ]


def test_the_order_of_arrival(filled):
    with filled.store.read() as connection:
        assert index.last_arrival(connection) == 3

        def after(arrival, most=9, **wanted):
            rows = index.by_arrival(connection, Wanted(), after=arrival, most=most, **wanted)
            return seconds(rows)

        assert after(0) == [("e1", 1), ("e2", 1), ("e1", 3)]
        assert after(1, most=1) == [("e2", 1)]
        assert after(3) == []
        assert after(0, chain="ff" * 8) == []


def test_an_empty_archive(archived):
    with archived.store.read() as connection:
        assert index.last_arrival(connection) == 0
    assert by_time(archived) == []


def test_one_chunk(filled):
    with filled.store.read() as connection:
        (first, third) = index.of_chain(connection, "e1", "00112233445566ff")
        assert (first["first_seq"], third["first_seq"]) == (1, 3)
        assert index.find(connection, "e1", "00112233445566ff", 3) == third
        assert index.find(connection, "e1", "00112233445566ff", 2) is None
