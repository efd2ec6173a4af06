import subprocess
import sys

import psutil
import pytest

from bench.processes import BenchError, free_port, run, running, stop, wait_listening
from pgward.core.address import Address

LISTEN = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True: server.accept()
"""
STUBBORN = """
import signal, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"])
signal.pause()
"""


def test_a_process_lives_for_the_block(tmp_path):
    port = free_port()
    with running([sys.executable, "-c", LISTEN, str(port)], tmp_path / "log") as process:
        wait_listening(Address("127.0.0.1", port), process, tmp_path / "log")
        assert process.poll() is None
    assert process.returncode is not None


def test_it_is_stopped_when_the_block_fails(tmp_path):
    with (
        pytest.raises(KeyboardInterrupt),
        running([sys.executable, "-c", "import signal; signal.pause()"], tmp_path / "log") as child,
    ):
        raise KeyboardInterrupt
    assert child.returncode is not None


def test_its_children_are_stopped_too():
    with subprocess.Popen(
        [sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (child,) = psutil.Process(process.pid).children()
        stop(process)
        child.wait(10)
    assert not child.is_running()


def test_a_process_that_ends_early_says_why(tmp_path):
    log = tmp_path / "log"
    with (
        running([sys.executable, "-c", "raise SystemExit('no such port')"], log) as process,
        pytest.raises(BenchError, match="no such port"),
    ):
        wait_listening(Address("127.0.0.1", free_port()), process, log)


def test_run_returns_the_output_and_takes_input():
    assert run([sys.executable, "-c", "print(input())"], stdin="hello\n") == "hello\n"


def test_a_failed_run_shows_its_last_words():
    with pytest.raises(BenchError, match="exited 3: oh no"):
        run([sys.executable, "-c", "import sys; sys.stderr.write('oh no'); sys.exit(3)"])
