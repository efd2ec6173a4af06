import asyncio
from dataclasses import dataclass, field

import pytest

from pgward.ca.records import Kind
from pgward.ca.service.connector_polls import ConnectorPolls
from tests.fixtures.access_world import INTEGRATION


@dataclass
class Of:
    kind: Kind = Kind.CONNECTOR
    name: str = "c1"
    actor: str = "connector:c1"


@dataclass
class Changes:
    """Tells versions as a test says, instead of waiting for them."""

    store: object
    steps: list = field(default_factory=list)

    @property
    def version(self):
        return self.store.version()

    async def wait(self, after, seconds):
        assert (seconds > 0, after <= self.store.version()) == (True, True)
        if self.steps:
            await asyncio.to_thread(self.steps.pop(0))
        return self.store.version()


@pytest.fixture
def polls(access, clock):
    return ConnectorPolls(access.store, Changes(access.store), clock.now)


def poll(polls, after=0, tag="", seconds=5.0):
    return asyncio.run(polls.newer(Of(), after, tag, seconds))


def test_the_first_answer_comes_at_once(polls):
    assert [each["name"] for each in poll(polls).integrations] == ["shop-db"]


def test_nothing_new_comes_in_time(polls):
    known = poll(polls)
    assert poll(polls, known.version, known.tag) is None
    assert poll(polls, known.version, known.tag, 0) is None


def test_what_does_not_concern_a_connector_wakes_it_for_nothing(access, polls):
    known = poll(polls)
    polls._changes.steps = [
        lambda: access.put("Integration", "other", INTEGRATION, connector="c2"),
        access.granted,
    ]
    found = poll(polls, known.version, known.tag)
    assert len(found.integrations[0]["wanted"]["grants"]) == 1


def test_a_replica_that_is_behind_has_nothing_to_tell(polls):
    known = poll(polls)
    assert poll(polls, known.version + 1) is None


def test_what_is_over_by_time_alone_is_seen(access, polls, clock):
    access.granted()
    assert len(poll(polls).integrations[0]["wanted"]["grants"]) == 1
    clock.move(hours=1)
    assert poll(polls).integrations[0]["wanted"]["grants"] == []
