import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pgward.core.errors import NotFoundError, UnavailableError
from pgward.programs import own_tunnel
from pgward.programs.own_tunnel import Held
from tests.fixtures.services import running


@pytest.fixture
def answer(monkeypatch):
    """Have the tunnel's process answer something; returns the commands that were run."""
    ran = []

    def set_to(text: str) -> list[list[str]]:
        def detach(command, *, log, env):
            ran.append([*command, log, env])
            return None, text

        monkeypatch.setattr(own_tunnel, "detach", detach)
        return ran

    return set_to


def test_a_tunnel_for_one_process(answer, tmp_path):
    wanted = running("orders", "127.0.0.1", 17000)
    fields = {name: getattr(wanted, name) for name in wanted.__slots__}
    ran = answer(json.dumps({"running": fields, "said": []}))
    assert own_tunnel.open_for(4711, "orders", tmp_path) == wanted
    command = [sys.executable, "-m", "pgward", "connect", "orders", "--for-pid", "4711"]
    assert ran == [[*command, None, {"PGWARD_HOME": str(tmp_path)}]]


@pytest.mark.parametrize("text", ["", "{}", '{"running": {}}', '{"running": {"port": "x"}}'])
def test_an_answer_that_makes_no_sense(answer, tmp_path, text):
    answer(text)
    with pytest.raises(UnavailableError, match="did not say where it listens"):
        own_tunnel.open_for(1, "orders", tmp_path)


def test_a_server_that_embeds_python_is_not_run_as_python(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", "/usr/bin/uwsgi")
    beside = [str(Path(sys.prefix, "bin", "python3")), "-m", "pgward"]
    assert own_tunnel.program() == beside
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    script = tmp_path / "pgward"
    script.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert own_tunnel.program() == [str(script)]
    script.unlink()
    with pytest.raises(NotFoundError, match="the command pgward is not on PATH"):
        own_tunnel.program()


def test_tunnels_of_programs_are_found(tmp_path):
    words = ["connect", "orders", "--for-pid", "4711"]
    command = [sys.executable, "-c", "import sys; print(); sys.stdin.read()", *words]
    environment = {**os.environ, "PGWARD_HOME": str(tmp_path)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        process.stdout.readline()
        wanted = Held("orders", process.pid, 4711, stopped=False)
        assert list(own_tunnel.held(tmp_path)) == [wanted]
        assert list(own_tunnel.held(tmp_path / "other")) == []
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        assert next(own_tunnel.held(tmp_path)).stopped
        process.kill()
