"""A tape whose writer is killed, and one whose disk is full."""

import contextlib
import random
import signal
import struct
import subprocess
import sys
import time

import pytest

from pgward.audit.tape import frames
from pgward.audit.tape.frames import UP, TapeFullError
from pgward.audit.tape.reader import TapeReader
from pgward.audit.tape.segments import boots
from pgward.audit.tape.writer import TapeWriter
from tests.fixtures.disks import fill_disk

# Appends frames of many sizes; says by shared memory up to which append has returned.
WRITER = """
import mmap, sys
from pathlib import Path
from pgward.audit.tape.writer import TapeWriter

directory = Path(sys.argv[1])
with open(directory / "returned", "r+b") as file:
    returned = memoryview(mmap.mmap(file.fileno(), 4096)).cast("Q")
writer = TapeWriter(directory, segment_size=256 * 1024, most_segments=4000)
number = 0
while True:
    number += 1
    writer.append(2, number, number.to_bytes(4, "big") * (number % 300))
    returned[0] = number
"""


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_writer_loses_nothing_that_append_returned_for(tmp_path, seed):
    counter = tmp_path / "returned"
    counter.write_bytes(bytes(4096))
    writer = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path])
    try:
        reader, found = follow(tmp_path, counter)
        deadline = time.monotonic() + random.Random(seed).uniform(0.01, 0.3)
        while time.monotonic() < deadline:
            found += reader.read()
            assert not reader.writer_is_gone
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    (returned,) = struct.unpack_from("@Q", counter.read_bytes())
    found += everything(reader)
    assert reader.writer_is_gone
    found += everything(reader)
    reader.close()
    assert [number for _, _, number, _, _ in found] == list(range(1, len(found) + 1))
    assert len(found) in (returned, returned + 1)
    for _, _, number, _, data in found:
        assert data == number.to_bytes(4, "big") * (number % 300)


def follow(directory, counter):
    """Wait for the writer's first frame, then read along."""
    while not any(counter.read_bytes()[:8]):
        time.sleep(0.001)
    return TapeReader(directory / "tape" / boots(directory)[0]), []


def everything(reader):
    found = []
    while more := reader.read():
        found += more
    return found


def test_a_full_disk_is_an_error_of_append_and_over_when_there_is_room(
    tmp_path, small_disk_of, monkeypatch
):
    monkeypatch.setattr("pgward.audit.tape.writer._RETRY_SECONDS", 0)
    disk = small_disk_of("1m", tmp_path)
    writer = TapeWriter(disk, segment_size=128 * 1024)
    fill_disk(disk)
    appended = 0
    with contextlib.suppress(TapeFullError):
        for appended in range(10_000):
            writer.append(UP, appended, bytes(1000))
    assert 100 < appended < 1000
    with pytest.raises(TapeFullError, match="No space left"):
        writer.append(UP, appended, bytes(1000))
    with pytest.raises(TapeFullError):
        writer.check()
    (disk / "filler").unlink()
    writer.append(UP, appended, bytes(1000))
    with TapeReader(writer.directory) as reader:
        assert [number for _, _, number, _, _ in reader.read()] == list(range(appended + 1))
    writer.close()


def test_a_disk_without_room_for_one_segment_makes_no_tape(tmp_path, small_disk_of):
    disk = small_disk_of("256k", tmp_path)
    with pytest.raises(TapeFullError, match="No space left"):
        TapeWriter(disk, segment_size=frames.MOST_WHOLE * 16)
    assert not any((disk / "tape").iterdir())
