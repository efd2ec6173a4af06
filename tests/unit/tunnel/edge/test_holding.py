import os
import subprocess
import sys

import pytest

from pgward.core.errors import ConflictError
from pgward.system.files import StorageError
from pgward.tunnel.edge.holding import FILE, Hold


def test_a_second_edge_is_told_who_serves(tmp_path):
    hold = Hold(tmp_path)
    with pytest.raises(ConflictError) as caught:
        Hold(tmp_path)
    assert caught.value.message == (f"an edge serves from {tmp_path} already (pid {os.getpid()})")
    assert caught.value.hint is not None
    assert "pgward edge enroll" in caught.value.hint
    hold.release()
    hold.release()
    Hold(tmp_path).release()


def test_a_holder_that_does_not_say_who_it_is(tmp_path):
    hold = Hold(tmp_path)
    (tmp_path / FILE).write_bytes(b"\xff\x1b[2J")
    with pytest.raises(ConflictError, match=r"serves from .* already$"):
        Hold(tmp_path)
    hold.release()


def test_who_was_forked_holds_it_for_nobody(tmp_path):
    hold = Hold(tmp_path)
    child = os.fork()
    if not child:
        hold.leave()
        hold.leave()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    with pytest.raises(ConflictError):
        Hold(tmp_path)
    hold.release()


def test_who_was_killed_holds_it_no_longer(tmp_path):
    program = (
        "import pathlib, sys\nfrom pgward.tunnel.edge.holding import Hold\n"
        "hold = Hold(pathlib.Path(sys.argv[1]))\nprint('held', flush=True)\nsys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(ConflictError, match=rf"\(pid {other.pid}\)"):
            Hold(tmp_path)
        other.kill()
        other.wait()
    Hold(tmp_path).release()
    assert (tmp_path / FILE).read_text() == f"{os.getpid()}\n"


def test_a_directory_that_is_not_there(tmp_path):
    with pytest.raises(StorageError, match="cannot lock"):
        Hold(tmp_path / "none")
