import asyncio
import logging
import threading

import pytest

from pgward.ca.store.leadership import NotLeadingError
from pgward.ca.upkeep import Job, Upkeep
from pgward.core.errors import UnavailableError


class Work:
    """Fails with what is on the list, one after the other, then works."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.done = 0

    def __call__(self):
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        self.done += 1


def said(caplog):
    return [(record.levelname, record.message) for record in caplog.records]


@pytest.fixture(autouse=True)
def _all_logs(caplog):
    caplog.set_level(logging.INFO)


def test_a_failure_is_told_once_and_its_end_too(caplog):
    away = UnavailableError("the store is away")
    job = Job("purge", 1, Work(away, away, UnavailableError("its disk is full"), None, None))
    upkeep = Upkeep([job])
    for _ in range(5):
        upkeep.turn(job)
    assert said(caplog) == [
        ("WARNING", "upkeep failed: purge: the store is away"),
        ("WARNING", "upkeep failed: purge: its disk is full"),
        ("WARNING", "upkeep works again: purge"),
    ]
    assert upkeep.failing == {}


def test_a_bug_is_told_with_its_place(caplog):
    job = Job("purge", 1, Work(ZeroDivisionError("x")))
    upkeep = Upkeep([job])
    upkeep.turn(job)
    assert upkeep.failing == {"purge": "ZeroDivisionError: x"}
    assert caplog.records[0].exc_info is not None


def test_the_leaders_jobs_are_left_to_the_leader(caplog):
    leads = [False, True, True]
    job = Job("lists", 1, Work(NotLeadingError("another replica leads")), leader_only=True)
    upkeep = Upkeep([job], lambda: leads.pop(0))
    upkeep.turn(job)
    assert said(caplog) == []
    upkeep.turn(job)
    assert said(caplog) == [("INFO", "lists: another replica leads")]
    assert upkeep.failing == {}
    upkeep.turn(job)
    assert job.run.done == 1


def test_what_failed_as_the_leader_is_another_replicas_worry_now():
    leads = [True, False]
    job = Job("lists", 1, Work(UnavailableError("no")), leader_only=True)
    upkeep = Upkeep([job], lambda: leads.pop(0))
    upkeep.turn(job)
    assert upkeep.failing == {"lists": "no"}
    upkeep.turn(job)
    assert upkeep.failing == {}


def test_jobs_go_on_beside_one_that_fails_and_one_that_hangs():
    hang, asked = threading.Event(), threading.Semaphore(0)

    def fail():
        asked.release()
        raise UnavailableError("the store is away")

    upkeep = Upkeep([Job("hangs", 0.001, hang.wait), Job("fails", 0.001, fail)])

    async def three_times():
        task = asyncio.create_task(upkeep.run())
        for _ in range(3):
            assert await asyncio.to_thread(asked.acquire, timeout=5)
        hang.set()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(three_times())


def test_the_end_waits_for_a_job_that_has_begun():
    begun, go_on, ended = threading.Event(), threading.Event(), []

    def work():
        begun.set()
        go_on.wait(5)
        ended.append(True)

    async def stop_within():
        task = asyncio.create_task(Upkeep([Job("long", 0, work)]).run())
        assert await asyncio.to_thread(begun.wait, 5)
        task.cancel()
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(task, return_exceptions=True)
        return list(ended)

    assert asyncio.run(stop_within())[0]
