import os
import subprocess
import sys

import pytest

from bench.procfs import Cpu, cpu, parse_pss, parse_stat, pss, tree

# utime 250, stime 50, cutime 7, cstime 3 (proc(5)); the command holds a space and a parenthesis.
STAT = "42 (odd) name) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 7 3 20 0 3 0 1000 1 1 1\n"


def test_stat_counts_threads_and_ended_children():
    assert parse_stat(STAT, 100) == Cpu(user=2.57, system=0.53)


def test_cpu_adds_and_subtracts():
    assert (Cpu(3.0, 1.0) - Cpu(1.0, 0.5) + Cpu(1.0, 0.0)).total == 3.5


def test_pss_is_in_bytes_and_not_one_of_its_parts():
    text = "Rss:  900 kB\nPss:                 123 kB\nPss_Anon:  100 kB\nSwapPss:  5 kB\n"
    assert parse_pss(text) == 123 * 1024


def test_no_pss_is_an_error():
    with pytest.raises(ValueError, match="no Pss line"):
        parse_pss("Pss_Anon:  100 kB\n")


def test_a_tree_holds_the_children_once():
    code = "import sys; print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        found = tree([os.getpid(), child.pid])
        assert found.count(child.pid) == 1
        assert pss([child.pid]) > 1024 * 1024
        assert cpu([os.getpid()]).total > 0
        child.communicate()
