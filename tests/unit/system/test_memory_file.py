import os
from pathlib import Path

import pytest

from pgward.system import memory_file


def test_it_is_read_in_this_process_and_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr(memory_file.tempfile, "tempdir", str(tmp_path))
    with memory_file.holding(b"key" * 100_000) as path:
        assert Path(path).read_bytes() == b"key" * 100_000
        assert list(tmp_path.iterdir()) == []
    assert not Path(path).exists()


def test_where_there_is_no_memory_for_files_one_is_written_and_removed(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr(memory_file.tempfile, "tempdir", str(tmp_path))
    with memory_file.holding(b"key") as path:
        assert Path(path).parent == tmp_path
        assert Path(path).stat().st_mode & 0o077 == 0
        assert Path(path).read_bytes() == b"key"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("in_memory", [True, False])
def test_it_is_gone_after_an_error(tmp_path, monkeypatch, in_memory):
    if not in_memory:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr(memory_file.tempfile, "tempdir", str(tmp_path))
    with pytest.raises(ValueError, match="no"), memory_file.holding(b"key"):
        raise ValueError("no")
    assert list(tmp_path.iterdir()) == []
