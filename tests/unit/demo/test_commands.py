from pathlib import Path

import pytest
from click.testing import CliRunner

from pgward.demo import commands
from pgward.demo.interrupts import Stopped


@pytest.fixture
def play(monkeypatch):
    """Run the command with a stand-in for the demo; return exit status and what it got."""

    def invoke(*arguments, outcome=None):
        asked = []

        def run(**options):
            asked.append(options)
            if outcome is not None:
                raise outcome

        monkeypatch.setattr(commands, "run", run)
        done = CliRunner().invoke(commands.demo, arguments)
        return done, asked

    return invoke


def test_by_default_it_is_not_held_and_temporary(play):
    done, asked = play()
    assert (done.exit_code, asked) == (0, [{"hold": False, "directory": None}])


def test_it_can_be_held_in_a_directory(play):
    _, asked = play("--hold", "--dir", "/d")
    assert asked == [{"hold": True, "directory": Path("/d")}]


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143)])
def test_a_demo_that_was_cut_off_has_not_shown_everything(play, number, code):
    done, _ = play(outcome=Stopped(number))
    assert done.exit_code == code
    assert "nothing is left behind" in done.stderr


@pytest.mark.parametrize("number", [2, 15])
def test_a_held_demo_is_meant_to_be_ended(play, number):
    done, _ = play("--hold", outcome=Stopped(number))
    assert done.exit_code == 0


def test_a_reader_that_goes_away_ends_it_quietly(play):
    done, _ = play(outcome=BrokenPipeError())
    assert (done.exit_code, done.output) == (141, "")
