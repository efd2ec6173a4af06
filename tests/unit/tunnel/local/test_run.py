import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from pgward.client.services import Access
from pgward.core.clock import rfc3339
from pgward.tunnel.local import run as module
from tests.fixtures.services import entry, offer


async def ended(pid: int) -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    module._when_ended(asyncio.get_running_loop(), pid, lambda: future.set_result(None))
    await future


@pytest.mark.parametrize("pidfd", [True, False])
def test_the_end_of_another_process_is_noticed(run, monkeypatch, pidfd):
    if not pidfd:
        monkeypatch.delattr(module.os, "pidfd_open")

    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    async def main() -> None:
        waiting = asyncio.ensure_future(ended(child.pid))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        assert child.stdin is not None
        child.stdin.close()
        await waiting
        child.wait()
        await ended(child.pid)  # one that is gone already

    run(main())


def test_a_kernel_without_pidfd(run, monkeypatch):
    def unknown(_pid: int) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(module.os, "pidfd_open", unknown)
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    run(ended(child.pid))  # a zombie counts as ended
    child.wait()


def test_what_is_done_before_the_stop_is_done(run):
    async def main() -> None:
        stop: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        assert await module._unless(stop, asyncio.sleep(0)) is True

    run(main())


def test_a_stop_gives_up_what_takes_long(run):
    async def main() -> None:
        stop: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(stop.set_result, None)
        assert await module._unless(stop, asyncio.sleep(3600)) is False

    run(main())


def test_what_fails_before_the_stop_says_why(run):
    async def fail() -> None:
        raise RuntimeError("told")

    async def main() -> None:
        stop: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with pytest.raises(RuntimeError, match="told"):
            await module._unless(stop, fail())

    run(main())


@pytest.mark.usefixtures("logged_in")
@pytest.mark.parametrize("for_pid", [None, os.getpid()], ids=["for-itself", "for-psql"])
def test_a_tunnel_by_a_grant_says_its_end_unless_psql_has_said_it(tmp_path, fake_ca, for_pid):
    access = {"until": "2126-11-21T12:00:00Z", "role": None, "names": [], "details": "ask #dba"}
    offer(fake_ca, entry("orders", access=access))
    wanted = module.TunnelOptions("orders", tmp_path / "home", for_pid=for_pid)
    said = []
    made = module.TunnelProcess(wanted, say=said.append, on_ready=lambda _running: None)
    made._session.close()
    assert [each.partition(" ends in ")[0] for each in said] == (
        ["your access to orders", "ask #dba"] if for_pid is None else []
    )


@pytest.mark.usefixtures("logged_in")
@pytest.mark.parametrize(
    ("mode", "for_pid", "is_said"),
    [("tcp", None, True), ("postgres", None, True), ("tcp", 1, True), ("postgres", 1, False)],
)
def test_the_end_of_access_is_said_ahead_unless_the_session_itself_says_it(
    run, tmp_path, fake_ca, *, monkeypatch, mode, for_pid, is_said
):
    monkeypatch.setattr(module, "ENDING_SECONDS", 0.001)
    until = datetime.now(UTC) + timedelta(minutes=20)
    access = {"until": rfc3339(until), "role": None, "names": [], "details": ""}
    offer(fake_ca, entry("orders", access=access, mode=mode))
    wanted = module.TunnelOptions("orders", tmp_path / "home", for_pid=for_pid)
    said: list[str] = []
    made = module.TunnelProcess(wanted, say=said.append, on_ready=lambda _running: None)
    made._session.close()
    said.clear()
    looked: list[float] = []

    async def look_up(pause: float) -> bool:
        looked.append(pause)
        return True

    async def main() -> None:
        tunnel = SimpleNamespace(service=made._service, look_up=look_up)
        telling = asyncio.ensure_future(made._tell_end(tunnel))
        await asyncio.sleep(0.01)
        assert said == []
        near = Access(datetime.now(UTC) + timedelta(minutes=4), None, (), "")
        tunnel.service = replace(made._service, access=near)
        while not (said or telling.done()):  # noqa: ASYNC110 - it has no event for it
            await asyncio.sleep(0)
        telling.cancel()

    run(main())
    assert said == (["your access to orders ends in 4 minutes"] if is_said else [])
    assert looked == ([0] if is_said else [])
