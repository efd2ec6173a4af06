"""How a worker's parts are put together; what they do is shown with each of them."""

import asyncio
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.audit.tape.answers import Opener
from pgward.core.clock import SystemClock
from pgward.pgwire import binding
from pgward.pki import pem
from pgward.tunnel.edge.aware import worker as module
from pgward.tunnel.edge.aware.worker import AwareWorker
from pgward.tunnel.edge.cancels import Cancels
from pgward.tunnel.edge.secrets.credentials import Keyring
from pgward.tunnel.edge.upstream import Dialer


@pytest.fixture
def machine(tls_keys):
    certificate, key = tls_keys.edge()
    return SimpleNamespace(name="e1", paths=SimpleNamespace(cert=certificate, key=key))


def made(machine, directory, **more) -> AwareWorker:
    return AwareWorker(
        directory,
        machine,
        Keyring.open(machine, {}),
        clock=SystemClock(),
        ca_now=SystemClock().now,
        cancels=Cancels(),
        dialer=Dialer(),
        state=lambda: None,
        **more,
    )


def test_nothing_is_reserved_on_disk_before_the_first_session(machine, tmp_path):
    async def main() -> None:
        worker = made(machine, tmp_path)
        assert list(tmp_path.iterdir()) == []
        tape = worker.sessions.tape()
        assert worker.sessions.tape() is tape
        assert tape.directory.parent.parent == tmp_path
        await worker.stop()

    asyncio.run(main())


def test_a_tape_that_somebody_removed_is_left_for_another(machine, tmp_path, caplog):
    async def main() -> None:
        worker = made(machine, tmp_path)
        tape = worker.sessions.tape()
        tape.directory.rename(tmp_path / "gone")  # while its next segment may be made
        worker.sessions.live[1] = object()
        assert worker.sessions.tape() is tape
        worker.sessions.live.clear()
        other = worker.sessions.tape()
        assert other.directory.exists()
        assert other.boot != tape.boot
        assert "somebody has removed the tape" in caplog.text
        await worker.stop()

    asyncio.run(main())


def test_answers_are_encrypted_for_who_has_the_edges_key(machine, tmp_path):
    async def main() -> None:
        worker = made(machine, tmp_path, tape_key=b"k" * 32)
        sealed = worker.sessions.seal(b"canary")
        assert b"canary" not in sealed
        assert Opener(b"k" * 32)(f"{worker.sessions.tape().boot}-1", sealed) == b"canary"
        await worker.stop()

    asyncio.run(main())


def test_without_a_session_there_is_nothing_to_stop(machine, tmp_path):
    async def main() -> None:
        await made(machine, tmp_path).stop()

    asyncio.run(main())


@pytest.mark.parametrize("hangs", [False, True])
def test_jump_hosts_are_left(machine, tmp_path, monkeypatch, caplog, hangs):
    monkeypatch.setattr(module, "LEAVE_SECONDS", 0.01)
    left = []

    async def close() -> None:
        left.append(1)
        if hangs:
            await asyncio.Event().wait()

    async def main() -> None:
        worker = made(machine, tmp_path)
        monkeypatch.setattr(worker._jumps, "close", close)
        await worker.stop()

    asyncio.run(main())
    assert left == [1]
    assert ("does not take leave" in caplog.text) is hangs


def test_proofs_are_bound_to_the_certificate_on_disk(machine, tmp_path, tls_keys):
    async def main() -> None:
        worker = made(machine, tmp_path)
        for _ in range(2):
            leaf = pem.split(machine.paths.cert.read_bytes())[0]
            expected = binding.end_point(leaf.public_bytes(Encoding.DER))
            assert worker.reception._binding() == expected
            machine.paths.cert, machine.paths.key = tls_keys.edge()
            worker.certificate_changed()

    asyncio.run(main())


def test_all_workers_of_an_edge_mock_alike(machine, tmp_path, tls_keys):
    async def main() -> None:
        same = {made(machine, tmp_path).reception._mocking for _ in range(2)}
        machine.paths.cert, machine.paths.key = tls_keys.edge()
        other = made(machine, tmp_path).reception._mocking
        assert len(same) == 1
        assert other not in same

    asyncio.run(main())
