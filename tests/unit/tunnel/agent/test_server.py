import asyncio
import stat

import pytest

from pgward.core.errors import LoginNeededError
from pgward.system.unix_socket import unix_path
from pgward.tunnel.agent import protocol, server
from pgward.tunnel.agent.server import ControlServer
from tests.fixtures.tunnel_world import until


@pytest.fixture
def serve(run, tmp_path):
    """Run a test against a server that answers; give it the path."""

    def serve(answer, test):
        async def main() -> None:
            path = tmp_path / "run" / "agent.sock"
            control = ControlServer(path, answer)
            await control.start()
            try:
                await test(path)
            finally:
                await control.close()
            assert not path.exists()

        run(main())

    return serve


async def echo(request):
    return {"asked": dict(request)}


async def talk(path, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(unix_path(path))
    writer.write(sent)
    if writer.can_write_eof():
        writer.write_eof()
    received = await reader.read()
    writer.close()
    return received


def test_one_request_after_the_other(serve):
    async def test(path) -> None:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert await talk(path, b'{"op":"a"}\n{"op":"b"}\n') == (
            b'{"asked":{"op":"a"}}\n{"asked":{"op":"b"}}\n'
        )

    serve(echo, test)


@pytest.mark.parametrize("sent", [b"\n", b"hello\n", b"[1]\n", b"\xff\n"])
def test_what_is_no_request_is_told(serve, sent):
    async def test(path) -> None:
        answer = protocol.decode(await talk(path, sent))
        assert answer["error"]["message"] == "that is no JSON object on one line"

    serve(echo, test)


def test_a_request_without_end_is_cut_off(serve):
    async def test(path) -> None:
        answer = protocol.decode(await talk(path, b"x" * 100_000))
        assert answer["error"]["message"] == "a request has at most 16384 bytes"

    serve(echo, test)


def test_half_a_request_gets_no_answer(serve):
    async def test(path) -> None:
        assert await talk(path, b'{"op":') == b""

    serve(echo, test)


def test_errors_are_told_and_the_server_goes_on(serve, caplog):
    async def answer(request):
        if request["op"] == "login":
            raise LoginNeededError
        raise ValueError("odd")

    async def test(path) -> None:
        answers = (await talk(path, b'{"op":"login"}\n{"op":"odd"}\n')).splitlines()
        first, second = map(protocol.decode, answers)
        assert first == protocol.failure(LoginNeededError())
        assert second["error"]["message"] == "the agent failed: ValueError"

    serve(answer, test)
    assert "a request broke" in caplog.text


def test_who_waits_long_hears_that_it_works(serve, monkeypatch):
    monkeypatch.setattr(protocol, "WORKING_SECONDS", 0.01)
    go = []

    async def answer(_request):
        go.append(asyncio.Event())
        await go[0].wait()
        return {"done": True}

    async def test(path) -> None:
        reader, writer = await asyncio.open_unix_connection(unix_path(path))
        writer.write(b'{"op":"slow"}\n')
        assert await reader.readline() == b'{"working":true}\n'
        go[0].set()
        while (line := await reader.readline()) == b'{"working":true}\n':
            pass
        assert line == b'{"done":true}\n'
        writer.close()

    serve(answer, test)


def test_what_was_asked_by_somebody_who_left_is_given_up(serve, monkeypatch):
    monkeypatch.setattr(protocol, "WORKING_SECONDS", 0.01)
    given_up: list[bool] = []

    async def answer(_request):
        try:
            await asyncio.Event().wait()
        finally:
            given_up.append(True)

    async def test(path) -> None:
        _, writer = await asyncio.open_unix_connection(unix_path(path))
        writer.write(b'{"op":"slow"}\n')
        await writer.drain()
        writer.close()
        await until(lambda: given_up)

    serve(answer, test)


def test_nobody_elses_process_is_answered(serve, monkeypatch):
    monkeypatch.setattr(server, "mine", lambda _connection: False)

    async def test(path) -> None:
        assert await talk(path, b"") == b""

    serve(echo, test)


def test_one_too_many_is_turned_away(serve, monkeypatch):
    monkeypatch.setattr(server, "MOST_CLIENTS", 1)

    async def test(path) -> None:
        reader, writer = await asyncio.open_unix_connection(unix_path(path))
        writer.write(b'{"op":"a"}\n')
        assert await reader.readline()
        assert await talk(path, b"") == b""
        writer.close()

    serve(echo, test)


def test_one_that_says_nothing_is_let_go(serve, monkeypatch):
    monkeypatch.setattr(server, "IDLE_SECONDS", 0.01)

    async def test(path) -> None:
        reader, writer = await asyncio.open_unix_connection(unix_path(path))
        assert await reader.read() == b""
        writer.close()

    serve(echo, test)


def test_a_dead_agents_socket_is_no_hindrance(serve, tmp_path):
    path = tmp_path / "run" / "agent.sock"
    path.parent.mkdir()
    path.touch()

    async def test(path) -> None:
        assert await talk(path, b'{"op":"a"}\n') == b'{"asked":{"op":"a"}}\n'

    serve(echo, test)
