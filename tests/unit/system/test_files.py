import fcntl
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from pgward.core.errors import UnavailableError
from pgward.system import files
from pgward.system.files import (
    FileLock,
    StorageError,
    atomic_write,
    is_stream,
    open_regular,
    private_dir,
    prove_writable,
    read_regular,
    write_named,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_atomic_write_sets_content_and_mode_whatever_the_umask(tmp_path):
    old = os.umask(0o077)
    try:
        atomic_write(tmp_path / "f", b"one", 0o644)
    finally:
        os.umask(old)
    assert ((tmp_path / "f").read_bytes(), mode(tmp_path / "f")) == (b"one", 0o644)


def test_atomic_write_replaces_and_leaves_nothing_else(tmp_path):
    atomic_write(tmp_path / "f", b"one")
    atomic_write(tmp_path / "f", b"two")
    assert (tmp_path / "f").read_bytes() == b"two"
    assert names(tmp_path) == ["f"]
    assert mode(tmp_path / "f") == 0o600


@pytest.mark.parametrize("write", [atomic_write, write_named])
@pytest.mark.parametrize("name", ["/dev/stdout", "/proc/self/fd/1", "/dev/fd/1"])
def test_a_descriptor_is_written_to_behind_what_it_has(tmp_path, write, name):
    program = (
        "import sys, pathlib\nfrom pgward.system.files import *\n"
        "print('before', flush=True)\n"
        f"{write.__name__}(pathlib.Path(sys.argv[1]), b'data\\n')\n"
        "print('behind')"
    )
    with (tmp_path / "f").open("wb") as out:
        subprocess.run([sys.executable, "-c", program, name], stdout=out, check=True)
    assert (tmp_path / "f").read_bytes() == b"before\ndata\nbehind\n"
    assert names(tmp_path) == ["f"]
    assert Path("/dev/stdout").is_symlink()


def test_a_device_stays_one():
    atomic_write(Path(os.devnull), b"data")
    assert Path(os.devnull).is_char_device()


def test_a_pipe_of_a_persons_is_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as threads:
        heard = threads.submit((tmp_path / "pipe").read_bytes)
        write_named(tmp_path / "pipe", b"data")
        assert heard.result(20) == b"data"
    assert is_stream(tmp_path / "pipe")


def test_a_pipe_in_the_place_of_our_own_file_is_replaced(tmp_path):
    os.mkfifo(tmp_path / "f")
    atomic_write(tmp_path / "f", b"data")
    assert (tmp_path / "f").read_bytes() == b"data"


def test_what_a_person_names_is_a_file_else(tmp_path):
    write_named(tmp_path / "f", b"one", 0o644)
    write_named(tmp_path / "f", b"two", 0o640)
    assert ((tmp_path / "f").read_bytes(), mode(tmp_path / "f")) == (b"two", 0o640)
    assert not is_stream(tmp_path / "f")
    assert not is_stream(tmp_path)
    assert not is_stream(tmp_path / "none")


def test_a_descriptor_that_is_not_open():
    with pytest.raises(StorageError, match="cannot write /dev/fd/987654: bad file descriptor"):
        write_named(Path("/dev/fd/987654"), b"data")


def test_a_full_disk_keeps_the_old_content(tmp_path):
    atomic_write(tmp_path / "f", b"old")
    program = (
        "import sys, pathlib\nfrom pgward.system.files import *\n"
        "try: atomic_write(pathlib.Path(sys.argv[1]), b'x' * 5000)\n"
        "except StorageError as error: print(error.message)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "f"],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
    )
    assert done.stdout == f"cannot write {tmp_path / 'f'}: file too large\n"
    assert (tmp_path / "f").read_bytes() == b"old"
    assert names(tmp_path) == ["f"]


def test_an_interrupted_write_keeps_the_old_content(tmp_path, monkeypatch):
    atomic_write(tmp_path / "f", b"old")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "sync_dir", interrupted)
    monkeypatch.setattr(files.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        atomic_write(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"old"
    assert names(tmp_path) == ["f"]


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(StorageError, match=r"cannot write .*nowhere/f: no such file or directory"):
        atomic_write(tmp_path / "nowhere" / "f", b"")


def test_private_dir_creates_parents_closed_to_others(tmp_path):
    made = private_dir(tmp_path / "a" / "b")
    assert made == tmp_path / "a" / "b"
    assert mode(made) == 0o700


def test_private_dir_closes_one_that_is_open(tmp_path):
    (tmp_path / "open").mkdir(mode=0o755)
    assert mode(private_dir(tmp_path / "open")) == 0o700


def test_private_dir_refuses_somebody_elses(tmp_path, monkeypatch):
    monkeypatch.setattr(files.os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(StorageError, match="belongs to another user"):
        private_dir(tmp_path)


def test_private_dir_refuses_a_file(tmp_path):
    (tmp_path / "f").touch()
    with pytest.raises(StorageError, match="cannot create"):
        private_dir(tmp_path / "f")


def test_the_lock_lets_one_in_at_a_time(tmp_path):
    inside, worst = 0, 0

    def enter() -> None:
        nonlocal inside, worst
        with FileLock(tmp_path / "lock"):
            inside += 1
            worst = max(worst, inside)
            inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worst == 1


def test_a_lock_held_too_long_is_an_error(tmp_path):
    with (
        FileLock(tmp_path / "lock"),
        pytest.raises(UnavailableError, match="another pgward process has held"),
        FileLock(tmp_path / "lock", timeout=0),
    ):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    program = (
        "import sys, pathlib, signal\nfrom pgward.system.files import *\n"
        "with FileLock(pathlib.Path(sys.argv[1])):\n print('held', flush=True)\n signal.pause()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "lock"], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with FileLock(tmp_path / "lock", timeout=0):
        pass


def test_a_lock_that_cannot_be_made_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match="cannot lock"), FileLock(tmp_path / "no" / "lock"):
        pass


def test_a_plain_file_is_read_also_through_a_link(tmp_path):
    (tmp_path / "f").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("f")
    assert read_regular(tmp_path / "f", 5) == read_regular(tmp_path / "link") == b"12345"


def test_one_that_is_too_long_is_not(tmp_path):
    (tmp_path / "f").write_bytes(b"12345")
    with pytest.raises(OSError, match="it has more than 4 bytes"):
        read_regular(tmp_path / "f", 4)


def test_what_is_no_plain_file_is_not_waited_for(tmp_path, fifo):
    for path in (fifo(), Path("/dev/zero")):
        with pytest.raises(OSError, match="it is no regular file"):
            read_regular(path)
    with pytest.raises(IsADirectoryError):
        read_regular(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "none")


def test_a_refused_file_is_closed_again(fifo):
    path = fifo()
    before = psutil.Process().num_fds()
    for flags in (os.O_RDONLY, os.O_RDWR):
        with pytest.raises(OSError, match="it is no regular file"):
            open_regular(path, flags)
    assert psutil.Process().num_fds() == before


def test_a_lock_that_is_no_plain_file_is_refused(fifo):
    with pytest.raises(StorageError, match=r"cannot lock .*: it is no regular file"):
        FileLock(fifo()).__enter__()


def test_proving_that_a_directory_can_be_written_leaves_nothing(tmp_path):
    prove_writable(tmp_path)
    assert names(tmp_path) == []


def test_a_disk_that_takes_only_empty_files_is_full(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(StorageError, match="cannot write"):
            prove_writable(tmp_path, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names(tmp_path) == []


def test_what_a_run_left_is_removed_by_its_own_account_only(tmp_path, monkeypatch):
    lock = tmp_path / "lock"
    lock.touch()
    with files.abandoned(lock):
        lock.unlink()
    lock.touch()
    with lock.open("rb") as running:
        fcntl.flock(running, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError), files.abandoned(lock):
            pass
    monkeypatch.setattr(os, "geteuid", lambda: lock.stat().st_uid + 1)
    with pytest.raises(PermissionError), files.abandoned(lock):
        pass
