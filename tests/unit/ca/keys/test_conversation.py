import time

import psutil
import pytest

from pgward.ca.keys.conversation import Conversation
from pgward.ca.keys.errors import SigningError


@pytest.fixture
def run(tmp_path):
    started = []

    def start(script: str) -> Conversation:
        program = tmp_path / "helper"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o700)
        started.append(Conversation(str(program)))
        return started[-1]

    yield start
    for each in started:
        each.close(seconds=0)


def test_a_line_in_and_a_line_out(run):
    running = run("exec cat")
    assert [running.exchange(line, 10) for line in (b"a\n", b"b\n")] == [b"a", b"b"]


@pytest.mark.parametrize(
    ("script", "how"), [("exit 7", "exit status 7"), ("kill -9 $$", "SIGKILL")]
)
def test_the_end_is_no_answer(run, script, how):
    running = run(script)
    assert running.exchange(b"a\n", 10) is None
    assert how in running.ended()


def test_what_it_said_before_it_ended_unasked_is_an_answer(run):
    """Whoever of both is faster: the line may come when nobody reads it any more."""
    running = run("echo garbage")
    running._process.wait(10)
    assert running.exchange(b"a\n", 10) == b"garbage"
    assert running.exchange(b"a\n", 10) is None


def test_who_reads_and_says_nothing_any_more_is_as_good_as_ended(run):
    running = run("echo ready; exec 0<&-; exec sleep 600")
    assert running.exchange(b"", 10) == b"ready"
    while running._send(b"a\n", time.monotonic() + 10):
        pass  # until the shell has closed its input
    assert running.exchange(b"a\n", 10) is None


def test_silence_ends_in_time(run):
    with pytest.raises(SigningError, match="did not answer in time"):
        run("exec sleep 600").exchange(b"a\n", 0.05)


def test_what_does_not_go_is_killed_with_what_it_started(run):
    running = run("trap '' HUP TERM; sleep 600 & echo $!; wait")
    child = int(running.exchange(b"a\n", 10))
    sleeping = psutil.Process(child)
    running.close(seconds=0)
    assert running._process.returncode == -9
    assert psutil.wait_procs([sleeping], 10)[1] == []
