import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pgward.core.errors import UnavailableError
from pgward.system.process import ProcessId
from pgward.tunnel.agent import client, commands
from pgward.tunnel.agent.process import pid_path

LOGIN = {
    "logged_in": True,
    "user": "alice",
    "session_expires_at": "2026-11-21T20:00:00Z",
    "certificate_expires_at": "2026-11-21T09:00:00Z",
    "problem": None,
}
STATUS = {
    "pid": 7,
    "started_at": "2026-11-21T08:00:00Z",
    "version": "0",
    "login": LOGIN,
    "tunnels": [
        {"service": "orders", "address": "127.0.0.1:15432", "problem": None},
        {"service": "stock", "address": None, "problem": "the CA is away"},
    ],
}


@pytest.fixture
def agent(monkeypatch):
    def agent(**answers):
        def ask(_home, op, **_fields):
            answer = answers.get(op, client.AgentAwayError())
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(client, "ask", ask)

    return agent


@pytest.fixture
def child():
    code = "import sys; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as made:
        yield made
        made.kill()


def test_it_starts_once(pgward, agent, monkeypatch):
    detached = []
    monkeypatch.setattr(commands, "detach", lambda words, **_options: detached.append(words))
    agent(status=STATUS)
    assert pgward("agent", "start").stderr == (
        "the agent runs (pid 7): pgward connect and psql use it\n"
    )
    assert detached == [[sys.executable, "-m", "pgward", "agent", "run", "--log-file"]]
    agent(ping={"pid": 7})
    result = pgward("agent", "start")
    assert (result.exit_code, result.stderr) == (0, "the agent runs already (pid 7)\n")
    assert len(detached) == 1


def test_a_start_in_facts(pgward, agent, monkeypatch):
    monkeypatch.setattr(commands, "detach", lambda *_words, **_options: None)
    agent(status=STATUS)
    started = json.loads(pgward("agent", "start", "-o", "json").stdout)
    assert (started["new"], started["pid"], started["logged_in"]) == (True, 7, True)
    agent(ping={"pid": 7})
    there = json.loads(pgward("agent", "start", "-o", "json").stdout)
    assert (there["new"], there["pid"]) == (False, 7)


def test_it_says_that_it_waits_for_a_login(pgward, agent, monkeypatch):
    monkeypatch.setattr(commands, "detach", lambda *_words, **_options: None)
    agent(status={**STATUS, "login": {"logged_in": False, "user": None}})
    assert pgward("agent", "start").stderr.endswith("it waits for a login: pgward login\n")


def test_what_it_is_like(pgward, agent):
    agent(status=STATUS)
    assert pgward("agent", "status").stdout == (
        "agent        runs since 2026-11-21T08:00:00Z (pid 7)\n"
        "login        alice, until 2026-11-21T20:00:00Z\n"
        "certificate  until 2026-11-21T09:00:00Z\n"
        "tunnels      orders at 127.0.0.1:15432, stock waits (the CA is away)\n"
        "problem      -\n"
    )
    assert json.loads(pgward("agent", "status", "-o", "json").stdout) == {"running": True, **STATUS}


@pytest.mark.parametrize(
    ("login", "told"),
    [
        ({"logged_in": False, "user": None}, "none: pgward login"),
        (
            {**LOGIN, "logged_in": False},
            "alice, until 2026-11-21T20:00:00Z: over, pgward login",
        ),
    ],
)
def test_what_is_wrong_with_the_login(pgward, agent, login, told):
    agent(status={**STATUS, "login": login})
    assert f"login        {told}\n" in pgward("agent", "status").stdout


def test_none_runs(pgward, agent):
    agent()
    result = pgward("agent", "status")
    assert (result.exit_code, result.stdout) == (1, "")
    result = pgward("agent", "status", "-o", "json")
    assert (result.exit_code, json.loads(result.stdout)) == (1, {"running": False})
    assert pgward("agent", "stop").stderr == "no agent runs\n"


def test_it_is_stopped(pgward, agent, child):
    process = ProcessId.of(child.pid)
    agent(stop={"pid": process.pid, "started": process.started})
    result = pgward("agent", "stop")
    assert result.stderr == ("the agent is stopped; its tunnels are opened again when it starts\n")
    assert child.poll() is not None


def test_one_that_hangs_is_ended_by_what_it_wrote_down(pgward, agent, child, tmp_path):
    path = pid_path(tmp_path / "home")
    path.parent.mkdir(parents=True)
    process = ProcessId.of(child.pid)
    path.write_text(json.dumps({"pid": process.pid, "started": process.started}))
    agent(stop=UnavailableError("the agent does not answer"))
    assert pgward("agent", "stop").stderr.startswith("the agent is stopped")
    assert child.poll() is not None


@pytest.mark.parametrize("text", ["", "{}", '{"pid": 1, "started": 5}'])
def test_no_other_process_is_ended_for_it(pgward, agent, tmp_path, text):
    path = pid_path(tmp_path / "home")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    agent(stop=UnavailableError("the agent does not answer"))
    assert pgward("agent", "stop").stderr == "no agent runs\n"


@pytest.mark.parametrize("words", [("run",), ("run", "--log-file"), ("start", "--foreground")])
def test_in_the_foreground_it_ends_with_a_signal(tmp_path, words):
    environment = {
        "PGWARD_HOME": str(tmp_path / "home"),
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "pgward", "agent", *words],
        env=environment,
        stderr=subprocess.PIPE,
    ) as running:
        while (answer := client.running(tmp_path / "home")) is None:
            assert running.poll() is None
        assert answer["pid"] == running.pid
        limits = Path(f"/proc/{running.pid}/limits")
        text = limits.read_text() if limits.exists() else ""
        running.terminate()
        assert running.wait(20) == 0
    if text:
        [core] = [line for line in text.splitlines() if line.startswith("Max core file size")]
        assert core.split()[4:6] == ["0", "0"]  # no key gets into a core file
    left = sorted(path.name for path in (tmp_path / "home" / "run").iterdir())
    assert left == ["agent.lock", *(["agent.log"] if "--log-file" in words else [])]
