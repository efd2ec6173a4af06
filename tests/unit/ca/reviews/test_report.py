"""Pages of the report."""

import json
from base64 import urlsafe_b64encode
from datetime import timedelta

import pytest

from pgward.ca.identity import directory
from pgward.ca.reviews import report
from pgward.ca.reviews.rights import Wanted
from pgward.core.errors import InvalidInputError


@pytest.fixture
def page(access):
    def page(limit=100, after=None, only_unused=False, days=90, **wanted):
        with access.store.read() as connection:
            return report.page(
                connection,
                Wanted(**wanted),
                access.clock.now(),
                unused_for=timedelta(days=days),
                only_unused=only_unused,
                after=after,
                limit=limit,
            )

    return page


def who(lines):
    return [(each.right.user or each.right.group, each.unused) for each in lines]


@pytest.mark.usefixtures("aware")
def test_pages_make_up_the_whole(page):
    whole, after = page(people=True)
    assert after is None
    found = []
    for _ in range(len(whole) + 1):
        lines, after = page(limit=1, after=after, people=True)
        found += lines
        if after is None:
            break
    assert found == whole


@pytest.mark.usefixtures("aware")
def test_groups_say_how_many_they_are(page):
    lines, _ = page(path="allow")
    assert [each.members for each in lines] == [None, 3]


def test_a_standing_right_that_nobody_used_for_long(aware, used, page):
    assert who(page(path="allow")[0]) == [("ann", False), ("engineers", False)]
    used("sam")
    aware.clock.move(days=91)
    assert who(page(path="allow")[0]) == [("ann", True), ("engineers", True)]
    used("sam", id="later")
    assert who(page(path="allow")[0]) == [("ann", True), ("engineers", False)]
    assert who(page(only_unused=True)[0]) == [("ann", True)]
    assert who(page(only_unused=True, days=92)[0]) == []


def test_a_service_in_mode_tcp(access, came, page):
    spec = {"upstream": {"host": "db1.internal"}, "allow": {"users": ["ann", "sam"]}}
    access.put("Service", "shop", spec)
    access.clock.move(days=200)
    came("ann", "shop")
    assert who(page(path="allow")[0]) == [("ann", False), ("sam", True)]


def test_people_who_are_blocked_are_marked(aware, page):
    with aware.store.write() as transaction:
        directory.block(transaction, "ann", "left", now=aware.clock.now())
    lines, _ = page(path="allow")
    assert [each.blocked for each in lines] == [True, False]


@pytest.mark.usefixtures("aware")
def test_a_page_of_unused_ones_may_end_early(page, monkeypatch):
    monkeypatch.setattr(report, "MOST_SCANNED", 2)
    lines, after = page(only_unused=True)
    assert (lines, after is not None) == ([], True)


WRONG = ([], [1], ["1", *"abcde"], [1, 2, *"abcd"], {}, [2**70, *"abcd"])


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "é", *(urlsafe_b64encode(json.dumps(each).encode()).decode() for each in WRONG)],
)
def test_a_cursor_of_another_list(page, cursor):
    with pytest.raises(InvalidInputError, match="cursor"):
        page(after=cursor)
