"""No text that is given to the parser overflows its stack: tried in processes that may die."""

import subprocess
import sys

import pytest

PIN = """from pgward.policy import tree
tree.longest = lambda: tree.MAX_BYTES
tree.MAX_OPERATORS = 10**9
"""
RUN = """import sys
from tests.fixtures import deep_sql
sys.argv = ['deep', '{}', '{}', '{}']
deep_sql.main()"""


def died(kib, *, count=0, seed=0, pin=False):
    """Return how a process ended that parsed all deep texts on a stack of so many kibibytes."""
    program = (PIN if pin else "") + RUN.format(kib, count, seed)
    done = subprocess.run(  # a fresh stack: its size is this process's own
        [sys.executable, "-c", program], capture_output=True, check=False, timeout=280
    )
    return done.returncode, done.stderr[-200:] if done.returncode else b""


def test_the_longest_texts_need_half_of_a_usual_stack():
    assert died(4 * 1024, pin=True) == (0, b"")


def test_texts_are_capped_by_a_smaller_stack():
    assert died(1024) == (0, b"")


def test_the_cap_is_not_for_nothing():
    code, _ = died(1024, pin=True)
    assert code < 0


@pytest.mark.soak
def test_mixtures_of_all_ways_to_nest():
    assert died(4 * 1024, count=1000, seed=7, pin=True) == (0, b"")
