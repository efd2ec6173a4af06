import os
import socket

import pytest

from pgward.system.service_manager import tell


@pytest.mark.parametrize("abstract", [False, True])
def test_a_state_is_told(tmp_path, monkeypatch, abstract):
    path = f"\0pgward-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        monkeypatch.setenv("NOTIFY_SOCKET", path.replace("\0", "@"))
        assert tell("READY=1")
        assert manager.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "relative", "/nonexistent/notify"])
def test_nobody_wants_to_know(monkeypatch, address):
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert not tell("READY=1")
