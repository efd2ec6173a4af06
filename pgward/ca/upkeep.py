"""Upkeep: jobs that are done again and again while the authority serves.

What they are stands in ``jobs``. Each goes its own way: one that fails, or hangs, delays no other.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

from pgward.ca.store.leadership import NotLeadingError
from pgward.core.errors import PgwardError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do every so many seconds; ``run`` blocks, and looks itself at what is due.

    What is due goes by the wall clock, which does not stop while the machine sleeps. A job that
    is ``leader_only`` is done by one replica of all.
    """

    name: str
    every: float
    run: Callable[[], object]
    leader_only: bool = False


def _always() -> bool:
    return True


class Upkeep:
    """Does the jobs of a table; ``leads`` tells whether those of the leader are ours now."""

    def __init__(self, jobs: Sequence[Job], leads: Callable[[], bool] = _always) -> None:
        self._jobs = tuple(jobs)
        self._leads = leads
        self._failing: dict[str, str] = {}

    @property
    def failing(self) -> Mapping[str, str]:
        """Which jobs failed the last time, and why."""
        return dict(self._failing)

    async def run(self) -> None:
        """Do every job in its time until cancelled; then wait for those that have begun."""
        threads = ThreadPoolExecutor(len(self._jobs) or 1, "upkeep")
        try:
            async with asyncio.TaskGroup() as group:
                for job in self._jobs:
                    group.create_task(self._repeat(job, threads))
        finally:
            await asyncio.to_thread(threads.shutdown, cancel_futures=True)

    def turn(self, job: Job) -> None:
        """Do a job now, unless another replica does it; a failure is logged when it is news."""
        if job.leader_only and not self._leads():
            self._failing.pop(job.name, None)
            return
        try:
            job.run()
        except NotLeadingError as error:
            _log.info("%s: %s", job.name, error.message)
        except PgwardError as error:  # the store may be away: the next turn tries again
            self._failed(job, f"{error.message} ({error.hint})" if error.hint else error.message)
        except Exception as error:  # noqa: BLE001 - a bug in one job must not end the others
            self._failed(job, f"{type(error).__name__}: {error}", error)
        else:
            if self._failing.pop(job.name, None) is not None:
                _log.warning("upkeep works again: %s", job.name)

    async def _repeat(self, job: Job, threads: Executor) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(job.every)
            await loop.run_in_executor(threads, self.turn, job)

    def _failed(self, job: Job, why: str, bug: Exception | None = None) -> None:
        if self._failing.get(job.name) != why:
            _log.warning("upkeep failed: %s: %s", job.name, why, exc_info=bug)
        self._failing[job.name] = why
