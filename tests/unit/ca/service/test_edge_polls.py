import asyncio

import pytest

from pgward.ca.service.edge_polls import REST_SECONDS, EdgePolls
from pgward.ca.snapshots import News, Told
from pgward.pki.snapshot_parts import NO_TAG

SAME, MORE, LESS = (False, False), (True, False), (True, True)


class Versions:
    """Grows to these versions, one with each wait for news; ``pauses`` are how long they might."""

    def __init__(self, *later):
        self.version = 5
        self.later = list(later)
        self.pauses = []

    async def wait(self, after, seconds):
        await asyncio.sleep(0)
        if self.version <= after:
            self.pauses.append(seconds)
            if self.later:
                self.version = self.later.pop(0)
        return self.version


class Snapshots:
    """Says of each version what a test says; ``read`` are those that were worked out."""

    def __init__(self, said):
        self.said = said
        self.read = []

    def is_known(self, version):
        return bool(self.read) and self.read[-1] >= version

    def take_up(self, version):
        self.read.append(version)

    def news(self, _edge, version, _after, _tag):
        return News(version, *self.said.get(version, MORE))

    def tell(self, edge, version, _after, _tag):
        return Told(f"{edge} {version}", {})


def polls(*later, **said):
    versions = Versions(*later)
    found = {int(name.removeprefix("v")): what for name, what in said.items()}
    return EdgePolls(versions, Snapshots(found)), versions


async def poll(asked, after, seconds=20.0, edge="e1"):
    found = await asked.newer(edge, after, NO_TAG, seconds)
    return None if found is None else found.snapshot


def test_what_is_there_is_told_at_once():
    asked, versions = polls()
    assert asyncio.run(poll(asked, 4)) == "e1 5"
    assert versions.pauses == []


@pytest.mark.parametrize("after", [5, 7])
def test_nothing_has_changed_in_time_or_a_replica_is_behind(after):
    asked, versions = polls()
    assert asyncio.run(poll(asked, after)) is None
    assert versions.pauses == [20.0]


def test_what_is_for_others_is_waited_out_until_something_is_for_it():
    asked, versions = polls(6, 7, 8, v6=SAME, v7=SAME)
    assert asyncio.run(poll(asked, 5)) == "e1 8"
    assert all(19 < pause <= 20 for pause in versions.pauses)


def test_where_the_time_is_over_the_newer_version_is_told():
    asked, versions = polls(v5=SAME)
    assert asyncio.run(poll(asked, 4)) == "e1 5"
    assert len(versions.pauses) == 1
    assert asyncio.run(poll(asked, 4, 0)) == "e1 5"
    assert len(versions.pauses) == 1


def test_more_rests_a_moment_in_which_the_next_changes_come():
    async def twice():
        asked, versions = polls(6, 7, 8)
        assert await poll(asked, 4) == "e1 5"
        assert await poll(asked, 5) == "e1 8"
        return versions.pauses[1:]

    pauses = asyncio.run(twice())
    assert len(pauses) == 3
    assert all(0 < pause <= REST_SECONDS <= 0.25 for pause in pauses)


def test_no_rest_is_longer_than_the_poll():
    async def twice():
        asked, versions = polls(6)
        await poll(asked, 4)
        assert await poll(asked, 5, 0.01) == "e1 6"
        return versions.pauses[1:]

    assert all(pause <= 0.01 for pause in asyncio.run(twice()))


def test_less_is_told_at_once():
    async def twice():
        asked, versions = polls(6, 7, 8, v7=LESS)
        await poll(asked, 4)
        assert await poll(asked, 5) == "e1 7"
        assert versions.later == [8]

    asyncio.run(twice())


def test_each_edge_rests_by_itself():
    async def both():
        asked, versions = polls()
        assert [await poll(asked, 4), await poll(asked, 4, edge="e2")] == ["e1 5", "e2 5"]
        assert versions.pauses == []

    asyncio.run(both())


def test_many_who_wake_at_once_cost_one_reading():
    async def many():
        asked, _ = polls()
        names = [f"e{number}" for number in range(100)]
        found = await asyncio.gather(*(poll(asked, 4, edge=name) for name in names))
        assert found == [f"{name} 5" for name in names]
        assert asked._snapshots.read == [5]

    asyncio.run(many())
