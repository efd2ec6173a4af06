import os
from datetime import timedelta

import pytest

from pgward.core.errors import PgwardError
from pgward.hba.agent import alarm as module
from pgward.hba.agent.alarm import Alarms, run_program
from pgward.hba.agent.deadman import MOST_STEPS, lives
from pgward.hba.agent.duty import Done, Turn


class World:
    def __init__(self, material):
        self.material = material
        self.got = None
        self.events = []

    def append(self, event):
        self.events.append(event)


@pytest.fixture
def world(small_ca):
    return World(small_ca.current())


@pytest.fixture
def make(world):
    def make(command=None):
        return Alarms(lambda: world.material, lambda: world.got, world, name="db1", command=command)

    return make


@pytest.fixture
def begin(world):
    return max(each.last_update_utc for each in world.material.revocation_lists)


@pytest.fixture
def end(world):
    return min(life.ends for life in lives(world.material, None))


@pytest.fixture
def danger(begin, end):
    """A turn when more than half of what was left is gone."""
    return Turn(begin + 0.6 * (end - begin))


def test_before_anything_is_installed_there_is_nothing_to_watch(world, make):
    world.material = None
    assert make().run(Turn(None)) == Done(module.LOOK_SECONDS)


def test_while_all_is_well_it_says_nothing(world, make, begin):
    world.got = begin
    duty = make()
    assert duty.run(Turn(begin)) == Done(module.LOOK_SECONDS)
    assert world.events == []
    assert duty.last.step == 0


def test_each_step_is_told_once_and_then_that_it_is_over(world, make, begin, end, caplog):
    duty = make()
    whole = end - begin
    for gone in (0.3, 0.55, 0.56, 0.8, 1.0, 1.01):
        duty.run(Turn(begin + gone * whole))
    assert [event["details"]["step"] for event in world.events] == [1, 2, MOST_STEPS]
    assert {(e["action"], e["outcome"], e["actor"]) for e in world.events} == {
        ("host.alarm", "failed", "host:db1")
    }
    told = [each for each in caplog.records if each.levelname == "ERROR"]
    assert len(told) == 3
    assert told[0].getMessage().startswith("ALARM: the revocation list of ")
    assert "PostgreSQL refuses everyone" in told[-1].getMessage()
    world.got = begin
    duty.run(Turn(begin))
    assert world.events[-1]["outcome"] == "ok"
    assert world.events[-1]["reason"] == "the danger is over"
    duty.close()


def test_as_long_as_it_lasts_it_is_a_problem(make, begin, end):
    duty = make()
    done = duty.run(Turn(begin + 0.6 * (end - begin)))
    assert len(done.problems) == 1
    assert done == duty.run(Turn(begin + 0.6 * (end - begin)))
    assert done.due_in <= module.LOOK_SECONDS


def program(tmp_path, text):
    path = tmp_path / "alarm"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_the_alarm_command_gets_the_facts_and_no_more(world, make, begin, danger, tmp_path):
    out = tmp_path / "out"
    duty = make(program(tmp_path, f"env >> {out}; echo >> {out}"))
    assert len(duty.run(danger).problems) == 1
    world.got = begin
    assert duty.run(Turn(begin)).problems == ()
    raised, over = (dict(line.split("=", 1) for line in each.splitlines())
                    for each in out.read_text().split("\n\n")[:2])  # fmt: skip
    assert (raised["PGWARD_ALARM"], over["PGWARD_ALARM"]) == ("raised", "over")
    assert (raised["PGWARD_ALARM_STEP"], over["PGWARD_ALARM_STEP"]) == ("1", "0")
    assert raised["PGWARD_HOST"] == "db1"
    assert raised["PGWARD_ALARM_MESSAGE"].startswith("the revocation list of ")
    assert "PYTEST_CURRENT_TEST" not in raised
    assert raised["PATH"] == os.environ["PATH"]


@pytest.fixture
def quick(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "COMMAND_SECONDS", 0.5)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "said"),
    [("exit 3", "ended with 3"), ("exec sleep 60", "did not end in"), (None, "cannot be run")],
)
def test_a_command_that_fails_is_a_problem_beside_the_alarm(quick, make, danger, text, said):
    command = str(quick / "none") if text is None else program(quick, text)
    problems = make(command).run(danger).problems
    assert len(problems) == 2
    assert said in problems[1]


def test_a_program_is_no_shell_line(tmp_path):
    with pytest.raises(PgwardError, match="cannot be run"):
        run_program(f"touch {tmp_path}/x", {})
    assert not (tmp_path / "x").exists()


def test_it_is_looked_again_at_the_next_step(make, begin, end):
    nearly = begin + (end - begin) / 2 - timedelta(seconds=2)
    assert 0 < make().run(Turn(nearly)).due_in <= 2
