import asyncio

from pgward.ca.host_news import News
from pgward.ca.service.changes import Changes
from pgward.ca.service.host_polls import HostPolls

NONE = "0" * 16
HOST = "db1"


class Telling:
    """Has an answer for each version, and counts how often it was worked out."""

    def __init__(self, answers):
        self.answers = answers
        self.kept = None
        self.worked = 0

    def known(self, version):
        return self.kept if self.kept is not None and self.kept.version >= version else None

    def get(self, version):
        self.worked += 1
        version = max(version, 1)
        self.kept = News(version, {"crls": self.answers.get(version, "same")})
        return self.kept


class Versions:
    """Gives one version after the other, then none."""

    def __init__(self, *versions):
        self.version = 1
        self.left = list(versions)

    async def wait(self, _after, _seconds):
        await asyncio.sleep(0)
        if self.left:
            self.version = self.left.pop(0)
        return self.version


def poll(polls, after=0, tag=NONE, seconds=5.0):
    return asyncio.run(polls.newer(HOST, after, tag, seconds))


def test_the_first_poll_is_answered_at_once():
    told = poll(HostPolls(Versions(), Telling({1: "a"})))
    assert told == News(1, {"crls": "a"})


def test_a_change_that_concerns_no_host_wakes_none():
    known = News(1, {"crls": "same"})
    telling = Telling({4: "other"})
    told = poll(HostPolls(Versions(2, 3, 4), telling), 1, known.tag)
    assert told == News(4, {"crls": "other"})
    assert telling.worked == 4


def test_without_news_the_wait_ends():
    known = News(1, {"crls": "same"})
    assert poll(HostPolls(Versions(2), Telling({})), 1, known.tag) is None
    assert poll(HostPolls(Versions(2), Telling({})), 1, known.tag, 0) is None


def test_a_replica_that_is_behind_waits_until_it_has_caught_up():
    told = poll(HostPolls(Versions(2, 3), Telling({3: "other"})), 3, NONE)
    assert told == News(3, {"crls": "other"})


def test_a_thousand_who_wait_wake_at_once_and_cost_one_reading(store):
    async def run():
        changes = Changes(store, every=60)
        telling = Telling({})
        polls = HostPolls(changes, telling)
        async with changes.watching():
            await changes.wait(0, 10)
            known = await polls.newer(HOST, 0, NONE, 0)
            waiting = [
                asyncio.create_task(polls.newer(HOST, known.version, known.tag, 30))
                for _ in range(1000)
            ]
            await asyncio.sleep(0.05)
            worked = telling.worked
            telling.answers = _All("other")
            await asyncio.to_thread(_change, store)
            found = await asyncio.gather(*waiting)
            return worked, telling.worked, {each.parts["crls"] for each in found}

    worked, then, found = asyncio.run(run())
    assert found == {"other"}
    assert then == worked + 1


class _All(dict):
    """One answer for every version."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def get(self, _key, _default=None):
        return self.answer


def _change(store):
    with store.write() as transaction:
        transaction.changed()
