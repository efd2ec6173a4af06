import io
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from pgward.client import recording_file
from pgward.client.recording_file import STREAM, written
from pgward.core.errors import InvalidInputError
from pgward.system.files import StorageError


def test_a_file_is_there_whole_and_its_owners_alone(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"before")
    with written(path) as file:
        file.write(b"a line\n")
        assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"a line\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_given_up_leaves_nothing(tmp_path):
    def interrupted():
        with written(tmp_path / "x") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_stays_a_pipe(tmp_path):
    path, heard = tmp_path / "pipe", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: heard.append(path.read_bytes()))
    reader.start()
    with written(path) as stream:
        stream.write(b"a line\n")
    reader.join(20)
    assert heard == [b"a line\n"]
    assert path.is_fifo()


def test_a_descriptor_is_written_to_and_stays(tmp_path):
    with (tmp_path / "x").open("wb") as file:
        file.write(b"before\n")
        file.flush()
        with written(Path(f"/dev/fd/{file.fileno()}")) as stream:
            stream.write(b"a line\n")
    assert (tmp_path / "x").read_bytes() == b"before\na line\n"
    assert list(tmp_path.iterdir()) == [tmp_path / "x"]


def test_standard_output(monkeypatch):
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=buffer))
    recording_file.check(STREAM)
    with written(STREAM) as stream:
        stream.write(b"a line\n")
    assert buffer.getvalue() == b"a line\n"


def test_no_directory(tmp_path):
    recording_file.check(tmp_path / "x")
    with pytest.raises(InvalidInputError, match="there is no directory"):
        recording_file.check(tmp_path / "none" / "x")
    with (
        pytest.raises(StorageError, match="no such file or directory"),
        written(tmp_path / "none" / "x"),
    ):
        pass


PIECE = b'{"type":"PIECE","session":"b-1","piece":%d}\n'


def test_pages_are_of_whole_pieces(tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_bytes(b"".join([PIECE % 1, b"{}\n", PIECE % 2, b"{}\n{}\n", PIECE % 3]))
    assert recording_file.session_in(path) == "b-1"
    (page,) = recording_file.pages(path)
    assert (len(page.lines), page.ended) == (6, True)
    monkeypatch.setattr(recording_file, "PAGE_BYTES", 1)
    found = list(recording_file.pages(path))
    assert [len(page.lines) for page in found] == [2, 3, 1]
    assert [page.ended for page in found] == [False, False, True]


@pytest.mark.parametrize("data", [b"", b"x\n", b"[]\n", b"1\n", b'{"type":"QUERY"}\n', b"\xff"])
def test_files_that_are_no_recordings(tmp_path, data):
    path = tmp_path / "x"
    path.write_bytes(data)
    with pytest.raises(InvalidInputError, match="is no recording"):
        recording_file.session_in(path)
    with pytest.raises(StorageError, match="cannot read"):
        recording_file.session_in(tmp_path / "none")
