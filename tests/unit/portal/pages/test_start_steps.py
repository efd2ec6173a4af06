from datetime import timedelta

import pytest

from pgward.ca.service.routes.edges import EdgeInfo
from pgward.ca.service.routes.hosts import HostInfo
from pgward.portal.pages import start_steps
from pgward.portal.pages.start_steps import Found
from tests.fixtures.authority import START


def an_edge(*, seen=True, version=7):
    return EdgeInfo(
        name="edge1",
        address="edge1.test:7432",
        enrolled_at=START,
        last_seen_at=START if seen else None,
        snapshot_version=version,
        not_after=START + timedelta(days=30),
    )


def a_server():
    times = {"enrolled_at": START, "last_seen_at": None, "not_after": None}
    return HostInfo(name="db1", dns=["db1.test"], ips=[], **times)


NOTHING = {
    "me": "root",
    "people": ["root"],
    "providers": [],
    "edges": [],
    "version": 7,
    "servers": [],
    "services": [],
    "opened": False,
    "now": START,
}


def undone(**given):
    return [each.id for each in start_steps.steps(Found(**NOTHING | given)) if not each.done]


def test_a_new_authority_has_everything_before_it():
    assert undone() == ["people", "edge", "server", "service", "connect"]


@pytest.mark.parametrize(
    ("given", "step"),
    [
        ({"people": ["root", "ann"]}, "people"),
        ({"providers": ["company"]}, "people"),
        ({"edges": [an_edge()]}, "edge"),
        ({"servers": [a_server()]}, "server"),
        ({"services": ["orders"], "edges": [an_edge()]}, "service"),
        ({"opened": True}, "connect"),
    ],
)
def test_what_is_there_need_not_be_done(given, step):
    assert step not in undone(**given)


@pytest.mark.parametrize(
    ("given", "step"),
    [
        ({"edges": [an_edge(seen=False)]}, "edge"),
        ({"edges": [an_edge()], "now": START + timedelta(minutes=6)}, "edge"),
        ({"services": ["orders"]}, "service"),
        ({"services": ["orders"], "edges": [an_edge(version=6)]}, "service"),
        ({"services": ["orders"], "edges": [an_edge(seen=False)]}, "service"),
    ],
)
def test_what_is_there_and_does_not_work_is_not_done(given, step):
    assert step in undone(**given)


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("10.0.0.7", {"ips": ["10.0.0.7"]}),
        ("::1", {"ips": ["::1"]}),
        ("edge.example.com", {"dns": ["edge.example.com"]}),
    ],
)
def test_a_machine_is_certified_for_where_it_is_reached(host, names):
    assert start_steps.names_of(host) == names
