import pytest

from pgward.ca.access import reach, requests
from pgward.ca.access.requests import GrantSearch, Search
from tests.fixtures.access_world import on


@pytest.fixture
def asked(access, clock):
    """Requests of several people, the newest first, beside a flow that nobody asked under."""
    of_all = {"who": {"groups": ["engineers"]}, "services": ["shop"], "approvals": []}
    access.put("AccessFlow", "second", {**of_all, "maxDuration": "8h"})
    found = []
    for user, name in (("sam", "a"), ("dirk", "b"), ("sam", "c"), ("ann", "d"), ("dirk", "e")):
        clock.move(seconds=1)
        found.append(access.ask(user, asked=on(name=name), flow="oncall").id)
    return found[::-1]


def pages(access, search, limit):
    found, after = [], None
    while True:
        with access.store.read() as connection:
            page = requests.page(connection, search, after=after, limit=limit)
        if not page:
            return found
        found += [each.id for each in page]
        after = found[-1]


@pytest.mark.parametrize("limit", [1, 2, 9])
@pytest.mark.parametrize("state", [None, "pending"])
def test_what_is_seen_by_several_ways_is_listed_once_and_in_order(access, asked, limit, state):
    search = Search(state, seen_by="dirk", flows=["oncall", "second"])
    assert pages(access, search, limit) == asked


@pytest.mark.parametrize("flows", [[], ["second"]])
def test_without_a_flow_of_theirs_people_see_their_own(access, asked, flows):
    assert pages(access, Search(seen_by="dirk", flows=flows), 1) == [asked[0], asked[3]]


def test_more_flows_than_a_statement_has_parts_for_are_asked_for_at_once(access, asked):
    flows = ["oncall", *(f"flow-{number}" for number in range(reach.MOST_PARTS))]
    assert pages(access, Search(seen_by="tess", flows=flows), 2) == asked


def test_grants_are_found_in_the_same_way(access, asked, clock):
    for each in asked:
        clock.move(seconds=1)
        access.decide(each, "dora")
    search = GrantSearch(["pending", "active"], seen_by="tess", flows=["oncall", "second"])
    found, after = [], None
    with access.store.read() as connection:
        while page := requests.grant_page(connection, search, after=after, limit=2):
            found += [each.id for each in page]
            after = found[-1]
    assert found == asked[::-1]


@pytest.mark.usefixtures("asked")
def test_sqlite_takes_the_first_of_each_flow_and_a_servers_grants_by_the_server(access):
    told = []
    with access.store.read() as connection:
        raw = connection.connection.driver_connection
        raw.set_trace_callback(told.append)
        requests.page(connection, Search(seen_by="tess", flows=["oncall"]), after=None, limit=2)
        live = [requests.access_grants.c.integration == "shop-db"]
        live += [requests.access_grants.c.state.in_(["pending", "active"])]
        live += [requests.access_grants.c.ends_at > access.clock.now()]
        list(requests.grants(connection, *live))
        raw.set_trace_callback(None)
        asked_for = [each for each in told if each.startswith("SELECT")]
        plans = [
            [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {each}")] for each in asked_for
        ]
    firsts, grants = plans[0], plans[-1]
    assert any("ix_access_requests_flow (flow=?)" in line for line in firsts)
    assert any("ix_access_grants_integration" in line for line in grants)
