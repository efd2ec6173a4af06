import pytest

from pgward.ca.access import requests
from pgward.ca.access.requests import Search
from pgward.core.errors import NotFoundError
from tests.fixtures.access_world import on


@pytest.fixture
def several(access, clock):
    """Three requests, the oldest first."""
    found = []
    for user in ("ann", "sam", "dirk"):
        clock.move(seconds=1)
        found.append(access.ask(user).id)
    return found


def pages(access, search, limit):
    found, after = [], None
    while True:
        with access.store.read() as connection:
            page = requests.page(connection, search, after=after, limit=limit)
        if not page:
            return [[each.id for each in one] for one in found]
        found.append(page)
        after = page[-1].id


def test_they_are_listed_page_by_page_the_newest_first(access, several):
    assert pages(access, Search(), 2) == [several[:0:-1], several[:1]]


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ({"user": "sam"}, [1]),
        ({"state": "pending"}, [2, 1, 0]),
        ({"state": "denied"}, []),
        ({"service": "other"}, []),
        ({"seen_by": "ann"}, [0]),
        ({"seen_by": "ann", "flows": ["oncall"]}, [2, 1, 0]),
        ({"unacknowledged": True}, []),
    ],
)
def test_they_are_searched(access, several, search, expected):
    found = [each for page in pages(access, Search(**search), 9) for each in page]
    assert found == [several[place] for place in expected]


def test_what_was_taken_by_breaking_the_glass_waits_to_be_looked_at(access):
    access.ask()
    glass = access.ask("sam", break_glass=True)
    assert pages(access, Search(unacknowledged=True), 9) == [[glass.id]]


def test_decisions_are_kept_in_order(access):
    access.flow(approvals=[{"groups": ["dba"], "count": 2}])
    asked = access.ask()
    access.decide(asked.id, "dora", reason="fine")
    access.decide(asked.id, "dirk", approve=False)
    with access.store.read() as connection:
        said = requests.decisions(connection, asked.id)
    assert [(each.decided_by, each.decision, each.reason) for each in said] == [
        ("dora", "approve", "fine"),
        ("dirk", "deny", ""),
    ]


def test_grants_are_found_by_the_ids_of_their_requests(access):
    one, other = access.granted(), access.granted("sam", asked=on())
    with access.store.read() as connection:
        assert requests.grants_of(connection, []) == {}
        assert requests.grants_of(connection, [one.id, other.id]).keys() == {one.id, other.id}


def test_a_request_that_is_not_there(access):
    with access.store.read() as connection:
        assert requests.find(connection, "none") is None
        assert requests.find_grant(connection, "none") is None
        with pytest.raises(NotFoundError, match="no access request 'none'"):
            requests.get(connection, "none")
