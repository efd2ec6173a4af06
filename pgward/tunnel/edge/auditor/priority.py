"""The auditor's place behind the workers: people wait for those, and nobody for a record."""

import os
from contextlib import suppress
from typing import Final

NICE: Final = 5  # not so much that it would never catch up on a busy machine


def stand_back() -> None:
    """Take less of a processor that others want, in this thread and those it starts later.

    As a batch process (sched(7)) it also waits its turn when it wakes up, rather than interrupt a
    worker. Where that is forbidden, as sandboxes may, or not known, it is only nice.
    """
    os.nice(NICE)
    with suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
