import os
import socket
from pathlib import Path

import pytest

from pgward.core.errors import PgwardError
from pgward.system import unix_socket
from pgward.system.unix_socket import mine, peer, unix_path


def test_a_long_path_is_written_from_here(tmp_path, monkeypatch):
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.chdir(deep)
    assert unix_path(deep / "orders.ctl") == "orders.ctl"


def test_a_path_that_is_too_long_says_what_to_do(tmp_path):
    with pytest.raises(PgwardError) as caught:
        unix_path(tmp_path / ("d" * 200))
    assert caught.value.message.startswith("the path of a Unix socket is too long")
    assert caught.value.hint == "set PGWARD_HOME to a short path"


def test_a_short_path_stays_as_it_is():
    assert unix_path(Path("/run/a.ctl")) == "/run/a.ctl"


def test_whose_process_is_at_the_other_end(monkeypatch):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert peer(ours) == (os.getpid(), os.geteuid())
        assert mine(ours)
        monkeypatch.setattr(unix_socket.os, "geteuid", lambda: 1 + os.getuid())
        assert not mine(ours)
    assert not mine(ours)  # closed: nobody's
