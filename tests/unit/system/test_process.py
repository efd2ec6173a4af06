import os
import signal
import socket
import subprocess
import sys

import psutil
import pytest

from pgward.core.errors import PgwardError, UnavailableError
from pgward.system import process
from pgward.system.process import PortHolder, ProcessId, detach, port_holder


def program(body: str) -> list[str]:
    return [sys.executable, "-c", f"import signal\nfrom pgward.system import process\n{body}"]


def test_the_holder_of_a_port_is_named():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        holder = port_holder(port)
        me = psutil.Process()
        assert holder == PortHolder(port, me.pid, me.name(), me.username())
        assert str(holder) == f"{me.name()} (pid {me.pid}) of {me.username()}"
    assert port_holder(port) is None


def test_a_holder_that_we_may_not_see(monkeypatch):
    def denied(**_: object) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(process.psutil, "net_connections", denied)
    assert str(port_holder(5432)) == "a process that only root sees"


def test_a_holder_that_has_just_ended():
    assert str(process._describe(5432, 2**22 + 1)) == f"a process (pid {2**22 + 1})"


def test_a_process_is_known_by_pid_and_start():
    me = ProcessId.of(os.getpid())
    assert me.alive()
    assert not ProcessId(me.pid, me.started - 100).alive()
    assert not ProcessId(2**22 + 1, 0.0).alive()


def test_detach_returns_when_the_child_is_ready(tmp_path):
    child, message = detach(
        program("print('hello', flush=True); process.notify_ready('port 1'); signal.pause()"),
        log=tmp_path / "log",
    )
    assert message == "port 1"
    assert os.getsid(child.pid) == child.pid
    assert (tmp_path / "log").read_text() == "hello\n"
    assert child.stop(timeout=10)
    assert not child.alive()


def test_detach_passes_on_why_the_child_gave_up(tmp_path):
    body = (
        "from pgward.core.errors import PgwardError\n"
        "process.notify_failed(PgwardError('port 5432 is busy', hint='--port'))"
    )
    with pytest.raises(PgwardError) as caught:
        detach(program(body), log=tmp_path / "log")
    assert (caught.value.message, caught.value.hint) == ("port 5432 is busy", "--port")


@pytest.mark.parametrize("body", ["raise SystemExit", "signal.pause()"])
def test_detach_points_to_the_log_of_a_child_that_never_was_ready(tmp_path, body):
    with pytest.raises(UnavailableError) as caught:
        detach(program(body), log=tmp_path / "log", timeout=1)
    assert str(tmp_path / "log") in str(caught.value.hint)


def test_a_child_that_ignores_sigterm_is_killed(tmp_path):
    child, _ = detach(
        program(
            "signal.signal(signal.SIGTERM, signal.SIG_IGN); process.notify_ready(); signal.pause()"
        ),
        log=tmp_path / "log",
    )
    assert child.stop(timeout=0.2) is False
    assert not child.alive()
    assert child.stop(timeout=1)


def test_without_a_parent_nothing_is_told():
    process.notify_ready("nobody listens")


def test_a_zombie_is_not_alive():
    with subprocess.Popen([sys.executable, "-c", "pass"], stdout=subprocess.PIPE) as child:
        name = ProcessId.of(child.pid)
        assert child.stdout is not None
        child.stdout.read()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not name.alive()
        child.send_signal(signal.SIGKILL)


def test_a_zombie_of_somebody_elses_counts_as_stopped():
    body = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
        "print(child.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", body]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        child = ProcessId.of(int(parent.stdout.readline()))
        assert child.stop(timeout=20) is True
        assert psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE
        parent.stdin.close()


def test_sigterm_goes_through_the_clean_up():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught, process.unwound_by_sigterm():
        signal.raise_signal(signal.SIGTERM)
    assert caught.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before
