from datetime import timedelta

import pytest

from pgward.ca.service.routes.edges import EdgeInfo
from pgward.ca.service.routes.hosts import HostInfo
from pgward.portal.pages.machines import condition
from tests.fixtures.authority import START


def edge_info(seen=timedelta(0), left=timedelta(hours=24), version=None):
    return EdgeInfo(
        name="e1",
        address=None,
        enrolled_at=START,
        last_seen_at=None if seen is None else START - seen,
        snapshot_version=version,
        not_after=None if left is None else START + left,
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, ""),
        ({"seen": timedelta(minutes=5)}, ""),
        ({"seen": timedelta(minutes=6)}, "is away"),
        ({"seen": None}, "has never been seen"),
        ({"left": timedelta(0)}, "has no certificate that is valid"),
        ({"left": None}, "has no certificate that is valid"),
        ({"left": timedelta(hours=5)}, "has a certificate that soon ends"),
        ({"version": 7}, ""),
        ({"version": 6}, "does not have the newest configuration yet"),
    ],
)
def test_what_is_wrong_with_a_machine_is_said_in_words(given, words):
    assert condition.of(edge_info(**given), START, 7).problem == words


def test_hosts_without_an_agent_are_heard_when_their_timer_runs():
    host = HostInfo(
        name="db1",
        dns=[],
        ips=[],
        enrolled_at=START,
        last_seen_at=START - timedelta(minutes=20),
        not_after=START + timedelta(days=9),
    )
    assert condition.of(host, START).word == "online"
    assert condition.of(host, START + timedelta(minutes=11)).word == "away"
