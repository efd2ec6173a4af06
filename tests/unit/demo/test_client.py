import sys
import time

import pytest

from pgward.demo.client import Psql, count_answers, wait_for_end, words
from pgward.demo.crew import Crew, Done
from pgward.demo.errors import DemoError
from pgward.demo.interrupts import Interrupts
from pgward.demo.layout import Layout

REFUSED = (
    'psql: error: connection to server at "127.0.0.1", port 5 failed: FATAL:  connection requires\n'
)


class FakeCrew:
    def __init__(self, done):
        self.done, self.ran = done, []

    def run(self, command, _env):
        self.ran.append(command)
        return self.done


def psql(done):
    return Psql(FakeCrew(done), "/bin/psql", {"LC_ALL": "C"})


def test_a_query_is_run_without_anyones_psqlrc():
    client = psql(Done(0, "1\n2\n", ""))
    assert client.query("host=x", "select") == "1\n2"
    assert client.crew.ran == [["/bin/psql", "-XAtq", "-d", "host=x", "-c", "select"]]


def test_a_query_that_fails_is_an_error():
    with pytest.raises(DemoError, match="psql failed: ERROR: no"):
        psql(Done(1, "", "ERROR: no\n")).query("", "select")


def test_a_refusal_is_told_in_its_own_words():
    client = psql(Done(2, "", REFUSED))
    said = client.refused("", "connection requires", what="x")
    assert said == "FATAL: connection requires"


def test_being_let_in_is_an_error():
    with pytest.raises(DemoError, match="a stranger was let in"):
        psql(Done(0, "1\n", "")).refused("", "unknown ca", what="a stranger")


def test_a_refusal_for_another_reason_is_an_error():
    with pytest.raises(DemoError, match="a stranger failed for another reason: psql: error"):
        psql(Done(2, "", REFUSED)).refused("", "unknown ca", what="a stranger")


def test_words_without_a_connection():
    assert words("psql: error: oh\n") == "oh"


@pytest.fixture
def crew(tmp_path):
    (tmp_path / "log").mkdir()
    made = Crew(Layout(tmp_path), Interrupts())
    yield made
    made.stop_all()


def test_a_sessions_end_is_timed(crew):
    session = crew.start("session", [sys.executable, "-c", "print('alive', flush=True)"], {})
    assert wait_for_end(session, time.monotonic(), 20) < 20


def test_a_session_that_goes_on_is_an_error(crew):
    code = "import signal; print('alive', flush=True); signal.pause()"
    session = crew.start("session", [sys.executable, "-c", code], {})
    with pytest.raises(DemoError, match=r"still works 0\.1 seconds"):
        wait_for_end(session, time.monotonic(), 0.1)


def test_the_answers_of_a_session_that_goes_on_are_counted(crew):
    code = "import signal; print('alive\\nalive\\nalive', flush=True); signal.pause()"
    session = crew.start("session", [sys.executable, "-c", code], {})
    assert count_answers(session, 20) == 2  # the first said that it was ready


def test_a_session_that_ended_meanwhile_is_an_error(crew):
    session = crew.start("session", [sys.executable, "-c", "print('alive', flush=True)"], {})
    with pytest.raises(DemoError, match="the session that ran meanwhile has ended"):
        count_answers(session, 20)
