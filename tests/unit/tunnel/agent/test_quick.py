import contextlib
import os
import subprocess
import sys

import pytest

from pgward.client import options, step_up_prompt
from pgward.core.errors import DeniedError, LoginNeededError, NotFoundError, UnavailableError
from pgward.tunnel.agent import client, quick

HEAVY = ("click", "httpx2", "cryptography", "rich", "psutil", "keyring", "joserfc", "asyncio")


HANGS = (
    "pgward: the agent does not answer\n"
    f"hint: {client.HANGS_HINT}; or: pgward psql --no-agent orders\n"
)


@pytest.fixture
def psql(monkeypatch):
    """Become psql with what the agent answers; return arguments and environment."""
    became = []

    def execvpe(*words):
        became.append(words)
        raise SystemExit(0)

    monkeypatch.setattr(quick.os, "execvpe", execvpe)

    def psql(answer, *arguments, service="orders"):
        def ask(_home, op, **fields):
            assert (op, fields) == ("psql", {"service": service})
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(client, "ask", ask)
        became.clear()
        with pytest.raises(SystemExit) as ended:
            quick.psql(service, list(arguments))
        return ended.value.code, became

    return psql


def test_psql_gets_what_the_agent_says_and_its_own_arguments(psql, monkeypatch):
    monkeypatch.setenv("PGSSLROOTCERT", "elsewhere")
    monkeypatch.setenv("PGHOSTADDR", "elsewhere")
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=8MB")
    environment = {"PGHOST": "db1", "PGPORT": "16000", "LD_PRELOAD": "/tmp/x.so", "PGUSER": 1}
    _, [(program, words, became)] = psql({"environment": environment}, "-c", "select 1")
    assert (program, words) == ("psql", ["psql", "-c", "select 1"])
    assert {name: became.get(name) for name in ("PGHOST", "PGPORT", "PGOPTIONS")} == {
        "PGHOST": "db1",
        "PGPORT": "16000",
        "PGOPTIONS": "-c work_mem=8MB",
    }
    assert not {"PGSSLROOTCERT", "PGHOSTADDR", "PGUSER"} & became.keys()
    assert became.get("LD_PRELOAD") == os.environ.get("LD_PRELOAD")


def test_two_dashes_before_psqls_arguments_are_left_out_once(psql):
    answer = {"environment": {}}
    assert psql(answer, "--", "-c", "--")[1][0][1] == ["psql", "-c", "--"]
    assert psql(answer, "-c", "--")[1][0][1] == ["psql", "-c", "--"]


def test_what_the_agent_has_to_say_is_said(psql, capsys):
    psql({"environment": {}, "said": ["the tunnel to orders: blocked"]})
    assert capsys.readouterr().err == "the tunnel to orders: blocked\n"


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (LoginNeededError(), 4, "pgward: you are not logged in\nhint: pgward login\n"),
        (
            UnavailableError("the agent does not answer", hint=client.HANGS_HINT),
            1,
            HANGS,
        ),
    ],
)
def test_a_failure_is_told_as_all_are(psql, capsys, error, code, told):
    assert psql(error) == (code, [])
    assert capsys.readouterr().err == told


def test_an_answer_that_is_none(psql, capsys):
    assert psql({})[0] == 1
    assert "the agent says nothing of a tunnel" in capsys.readouterr().err


def test_without_an_agent_it_returns(monkeypatch):
    def ask(*_words, **_fields):
        raise client.AgentAwayError

    monkeypatch.setattr(client, "ask", ask)
    quick.psql("orders", [])


def test_psql_has_to_be_there(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(NotFoundError, match="psql is not on PATH"):
        quick.execute([], dict(os.environ))


def test_nothing_of_weight_is_imported_before_psql_runs(tmp_path):
    """The promise is 100 ms; here it is kept by what is left out, which no busy machine changes."""
    code = (
        "import os, sys\n"
        "from pgward.tunnel.agent import client\n"
        "from pgward.entry import main\n"
        "client.ask = lambda *_words, **_fields: {'environment': {'PGPORT': '1'}, 'said': []}\n"
        "def execvpe(*_words):\n"
        "    print('\\n'.join(sys.modules))\n"
        "    raise SystemExit\n"
        "os.execvpe = execvpe\n"
        "sys.argv = ['pgward', 'psql', 'orders', '-c', 'select 1']\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PGWARD_HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    imported = {name.partition(".")[0] for name in done.stdout.split()}
    assert "pgward" in imported
    assert imported & set(HEAVY) == set()


def test_a_second_factor_is_asked_for_before_psql_starts(psql, monkeypatch, capsys):
    asked = []

    def ensure(_api, service):
        asked.append(service)
        raise DeniedError("no terminal to ask on", hint="pgward step-up orders")

    monkeypatch.setattr(step_up_prompt, "ensure", ensure)
    monkeypatch.setattr(options, "api", contextlib.nullcontext)
    answer = {"environment": {"PGHOST": "db1"}, "step_up": True}
    assert psql(answer) == (3, [])
    assert asked == ["orders"]
    assert psql(answer | {"step_up": False})[0] == 0
    assert asked == ["orders"]
    assert "no terminal" in capsys.readouterr().err
