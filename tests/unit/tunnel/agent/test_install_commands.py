import json

import pytest

from pgward.tunnel.agent import install_commands as commands
from pgward.tunnel.agent.install import Plan


@pytest.fixture
def plan(tmp_path, monkeypatch):
    made = Plan(
        tmp_path / "unit",
        b"[Unit]\n",
        usable=("true",),
        enable=(("true",),),
        disable=(("true",),),
        missing="no manager",
        hint="pgward agent start",
    )
    monkeypatch.setattr(commands, "_plan", lambda: made)
    return made


def test_it_is_shown_and_not_written(pgward, plan):
    result = pgward("agent", "install", "--print")
    assert (result.stdout, result.stderr) == ("[Unit]\n", f"{plan.path}:\n")
    assert not plan.path.exists()


def test_what_it_says_on_this_machine(pgward):
    assert "-m" in pgward("agent", "install", "--print").stdout


def test_it_is_installed_in_the_place_of_one_started_by_hand(pgward, plan, monkeypatch):
    stopped = []
    monkeypatch.setattr(commands, "stop_agent", stopped.append)
    result = pgward("agent", "install")
    assert result.stderr == f"the agent is installed, and runs: {plan.path}\n"
    assert (plan.path.read_text(), len(stopped)) == ("[Unit]\n", 1)
    assert "is removed" in pgward("agent", "uninstall").stderr
    assert pgward("agent", "uninstall").stderr == "the agent is not installed\n"


def test_in_facts(pgward, plan, monkeypatch):
    monkeypatch.setattr(commands, "stop_agent", lambda _home: False)
    path = str(plan.path)
    for words, facts in {
        ("install", "--print"): {"path": path, "installed": False, "text": "[Unit]"},
        ("install",): {"path": path, "installed": True},
        ("uninstall",): {"removed": [path]},
    }.items():
        document = json.loads(pgward("agent", *words, "-o", "json").stdout)
        del document["messages"]
        assert document == {"command": f"agent {words[0]}", **facts}


def test_without_a_manager_the_agent_goes_on(pgward, plan, monkeypatch):
    object.__setattr__(plan, "usable", ("false",))
    monkeypatch.setattr(commands, "stop_agent", lambda _home: pytest.fail("it was stopped"))
    result = pgward("agent", "install")
    assert (result.exit_code, result.stderr) == (
        1,
        "pgward: no manager\nhint: pgward agent start\n",
    )
