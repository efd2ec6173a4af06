import itertools
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgward.ca.archive import search as searching
from pgward.ca.archive.index import Wanted
from pgward.ca.archive.matching import Text
from pgward.core.errors import InvalidInputError, UnavailableError
from tests.fixtures.chunks import record


def numbers(page):
    return [json.loads(line)["statement"] for line in page.lines]


def every(search, limit, newest=True, **wanted):
    """Return the pages of a search, as numbers."""
    pages, cursor = [], None
    while True:
        page = search.page(Wanted(**wanted), Text(), limit=limit, newest=newest, cursor=cursor)
        pages.append(numbers(page))
        cursor = page.cursor
        if cursor is None:
            return pages


def test_newest_and_oldest_first_across_edges(archived):
    archived.add(record(1), record(4), record(6))
    archived.add(record(2, edge="e2"), record(5, edge="e2"), edge="e2")
    archived.add(record(3))
    search = archived.search()
    assert every(search, 10) == [[6, 5, 4, 3, 2, 1]]
    assert every(search, 10, newest=False) == [[1, 2, 3, 4, 5, 6]]
    assert every(search, 4) == [[6, 5, 4, 3], [2, 1]]
    assert every(search, 1, newest=False) == [[1], [2], [3], [4], [5], [6]]
    assert every(search, 3, user="alice") == [[6, 5, 4], [3, 2, 1]]


def test_records_of_one_time_keep_their_order(archived):
    archived.add(*(record(1, statement=n) for n in range(4)))
    search = archived.search()
    assert every(search, 2, newest=False) == [[0, 1], [2, 3]]
    assert every(search, 3) == [[3, 2, 1], [0]]


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
@pytest.mark.parametrize("newest", [True, False])
def test_a_record_in_two_chains_is_shown_once(archived, limit, newest):
    """As its edge was put back to an earlier state, and chained it again."""
    said = [record(0), *(record(1, statement=n) for n in (1, 2)), record(2, statement=3)]
    archived.add(*said[:2])
    archived.add(*said[2:])
    archived.add(*said[1:], chain="aa" * 8)
    archived.add(*said[2:], record(3, statement=4), chain="ff" * 8)
    archived.add(record(1, statement=1, edge="e2"), edge="e2")  # another's, though it looks alike
    pages = every(archived.search(), limit, newest)
    assert sorted(itertools.chain(*pages)) == [0, 1, 1, 2, 3, 4]
    assert all(len(page) <= limit for page in pages)


def test_records_with_one_id_that_say_different_things_are_all_shown(archived):
    archived.add(record(1, text="select 1"), record(1, text="drop table x"))
    archived.add(record(1, text="drop table y"), chain="ff" * 8)
    (page,) = every(archived.search(), 9)
    assert page == [1, 1, 1]


def test_it_stops_reading_when_a_page_is_full(archived):
    for number in range(20):
        archived.add(record(number))
    page = archived.search().page(Wanted(), Text(), limit=2)
    assert numbers(page) == [19, 18]
    assert page.chunks == 3


def test_a_page_ends_when_its_time_is_over_and_the_next_goes_on(archived):
    for number in range(6):
        archived.add(record(number), record(number - 0.5, statement=100 + number))
    ticks = itertools.count()
    search = archived.search(monotonic=lambda: next(ticks), seconds=1)
    for newest in (True, False):
        pages = every(search, 50, newest=newest)
        expected = [n for number in range(6) for n in (100 + number, number)]
        assert len(pages) > 2
        assert list(itertools.chain(*pages)) == (expected[::-1] if newest else expected)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=4), min_size=1, max_size=6),
    st.integers(1, 5),
    st.booleans(),
    st.booleans(),
)
def test_pages_together_are_everything_once(archived, chunks, limit, newest, hurried):
    edge = f"e{len(archived.heads)}"  # whatever other examples left is another edge's
    number = itertools.count()
    made = []
    for times in chunks:
        records = [record(time, statement=next(number), edge=edge) for time in times]
        archived.add(*records, edge=edge)
        made += [(each["time"], each["statement"]) for each in records]
    ticks = itertools.count()
    clock = {"monotonic": lambda: next(ticks), "seconds": 0} if hurried else {}
    pages = every(archived.search(**clock), limit, newest=newest, edge=edge)
    assert list(itertools.chain(*pages)) == [each[1] for each in sorted(made, reverse=newest)]
    assert all(len(page) <= limit for page in pages)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    st.lists(
        st.tuples(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.booleans()),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 5),
    st.booleans(),
    st.booleans(),
)
def test_pages_together_are_everything_once_though_it_stands_in_two_chains(
    archived, chunks, limit, newest, hurried
):
    edge = f"e{len(archived.heads)}"
    number, made = itertools.count(), {}
    for times, again in chunks:
        records = [record(time, statement=next(number), edge=edge) for time in times]
        archived.add(*records, edge=edge)
        if again:
            archived.add(*records, edge=edge, chain="ff" * 8)
        made |= {each["statement"]: each["time"] for each in records}
    ticks = itertools.count()
    clock = {"monotonic": lambda: next(ticks), "seconds": 0} if hurried else {}
    pages = every(archived.search(**clock), limit, newest=newest, edge=edge)
    found = list(itertools.chain(*pages))
    assert sorted(found) == sorted(made)
    assert [made[each] for each in found] == sorted(made.values(), reverse=newest)


def test_a_late_chunk_is_found_where_it_belongs(archived):
    archived.add(record(1), record(9))
    first = archived.search().page(Wanted(), Text(), limit=1)
    archived.add(record(5))
    second = archived.search().page(Wanted(), Text(), limit=5, cursor=first.cursor)
    assert (numbers(first), numbers(second)) == ([9], [5, 1])


def test_a_page_has_a_bound_in_bytes(archived, monkeypatch):
    monkeypatch.setattr(searching, "_MOST_BYTES", 500)
    archived.add(record(1), record(2), record(3))
    assert every(archived.search(), 10) == [[3, 2], [1]]


@pytest.mark.parametrize(
    "cursor", ["", "x", "old,2026-11-21T12:00:00.000000Z,e1,00,1", "new,2026,e1,00,1"]
)
def test_a_cursor_of_another_search(archived, cursor):
    with pytest.raises(InvalidInputError, match="that cursor is of another search"):
        archived.search().page(Wanted(), Text(), cursor=cursor)


def test_a_chunk_that_cannot_be_read_is_told_of(archived):
    archived.add(record(1))
    archived.objects.delete(archived.add(record(2), record(3)))
    page = archived.search().page(Wanted(), Text())
    assert numbers(page) == [1]
    assert [(each["first_seq"], each["last_seq"]) for each in page.lost] == [(2, 3)]


def test_a_place_that_is_away(archived, monkeypatch):
    archived.add(record(1))

    def away(*_):
        raise UnavailableError("away")

    monkeypatch.setattr(type(archived.objects), "get", away)
    with pytest.raises(UnavailableError):
        archived.search().page(Wanted(), Text())


def test_what_arrived(archived):
    search = archived.search()
    assert search.arrived(Wanted(), Text(), after=0)[1] == 0
    archived.add(record(2))
    archived.add(record(1, user="bob"))
    page, after = search.arrived(Wanted(), Text(), after=0)
    assert (numbers(page), after) == ([2, 1], 2)
    page, after = search.arrived(Wanted(user="alice"), Text(), after=0)
    assert (numbers(page), after) == ([2], 2)
    page, after = search.arrived(Wanted(user="carol"), Text(), after=1)
    assert (numbers(page), after) == ([], 2)


def test_what_arrived_is_told_in_parts(archived, monkeypatch):
    monkeypatch.setattr(searching, "_ARRIVALS", 2)
    for number in range(3):
        archived.add(record(number))
    page, after = archived.search().arrived(Wanted(), Text(), after=0)
    assert (numbers(page), after) == ([0, 1], 2)
    page, after = archived.search(seconds=-1).arrived(Wanted(), Text(), after=0)
    assert (numbers(page), after) == ([0], 1)
