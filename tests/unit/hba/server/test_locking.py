import os
import threading

import pytest

from pgward.core.errors import UnavailableError
from pgward.hba.server.disk import DiskError
from pgward.hba.server.locking import locked
from pgward.system.postgres import Account

ME = Account("me", os.geteuid(), os.getegid())


def test_the_second_is_told_who_holds_it(tmp_path) -> None:
    path = tmp_path / "lock"
    with locked(path, ME, seconds=1):
        with pytest.raises(UnavailableError) as caught, locked(path, ME, seconds=0):
            pass
        expected = f"another run of pgward works on this server: process {os.getpid()}, since 20"
        assert caught.value.message.startswith(expected)
    with locked(path, ME, seconds=0):
        pass


def test_the_second_waits_for_the_first(tmp_path) -> None:
    path, order = tmp_path / "lock", []
    held = threading.Event()

    def first() -> None:
        with locked(path, ME, seconds=1):
            held.set()
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    held.wait(10)
    with locked(path, ME, seconds=10):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]


def test_no_directory(tmp_path) -> None:
    with pytest.raises(DiskError, match="no such file"), locked(tmp_path / "n/l", ME, seconds=0):
        pass
