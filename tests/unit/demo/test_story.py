import itertools

import pytest

from pgward.demo.errors import DemoError
from pgward.demo.story import Story


@pytest.fixture
def told():
    return []


@pytest.fixture
def story(told):
    return Story(told.append, itertools.count().__next__)


def test_a_step_is_told_with_its_seconds_and_facts(story, told):
    with story.step("log in") as step:
        step.tell("as alice")
        step.table({"a": 1, "long": "x"})
    assert told == [
        "   1.0 s  log in",
        "          as alice",
        "          a     1",
        "          long  x",
    ]


def test_long_facts_are_wrapped(story, told):
    with story.step("s") as step:
        step.tell("word " * 40)
    assert len(told) == 4
    assert max(map(len, told)) <= 100


def test_a_failed_step_is_named_before_the_error_goes_on(story, told):
    with pytest.raises(DemoError), story.step("log in"):
        raise DemoError("no")
    assert told == ["   1.0 s  FAILED: log in"]


def test_what_a_peer_said_cannot_move_the_cursor(story, told):
    story.line("a\x1b[2Jb")
    story.heading("h\rx")
    assert told == ["a\\x1b[2Jb", "\nh\\rx"]


def test_it_knows_how_long_it_took(story):
    assert story.seconds == 1
