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
