import os
import subprocess
import sys

import pytest

from pgward.tunnel.edge.auditor import priority

SAY = """
import os
from pgward.tunnel.edge.auditor.priority import stand_back
before = os.nice(0)
stand_back()
print(os.nice(0) - before, os.sched_getscheduler(0) == os.SCHED_BATCH)
"""


def test_an_auditor_is_a_batch_process_behind_others():
    said = subprocess.run([sys.executable, "-c", SAY], capture_output=True, text=True, check=True)
    assert said.stdout.split() == [str(priority.NICE), "True"]


@pytest.mark.parametrize("error", [PermissionError("seccomp"), AttributeError("not Linux")])
def test_it_goes_without_where_it_may_not(monkeypatch, error):
    def refuse(*_):
        raise error

    asked = []
    monkeypatch.setattr(os, "nice", asked.append)
    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    priority.stand_back()
    assert asked == [priority.NICE]
