import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pgward.client import identity
from pgward.client.identity import PRIVATE, PUBLIC, Generations, IdentityPaths
from pgward.system.files import StorageError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def files(text: str) -> dict[str, tuple[bytes, int]]:
    return {"a.crt": (text.encode(), PUBLIC), "a.key": (text.encode(), PRIVATE)}


@pytest.fixture
def generations(tmp_path):
    return Generations(tmp_path / "identity")


def test_there_is_nothing_at_first(generations):
    assert generations.active() is None


def test_installed_files_are_at_a_stable_path(generations):
    made = generations.install(files("one"), NOW)
    assert generations.active() == made
    assert made.name.startswith("20260102T030405-")
    assert (generations.current / "a.key").read_bytes() == b"one"
    assert stat.S_IMODE((made / "a.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((made / "a.crt").stat().st_mode) == 0o644
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_the_generation_before_stays_and_older_ones_go(generations):
    made = [generations.install(files(str(n)), NOW) for n in range(4)]
    kept = {entry.name for entry in generations.directory.iterdir()}
    assert kept == {"current", made[2].name, made[3].name}


def test_what_a_killed_process_left_is_removed(generations):
    generations.install(files("one"), NOW)
    (generations.directory / "20250101T000000-dead").mkdir()
    (generations.directory / ".current.abcd").symlink_to("nowhere")
    generations.install(files("two"), NOW)
    assert len(list(generations.directory.iterdir())) == 3


def test_a_reader_of_the_old_one_reads_on(generations):
    generations.install(files("one"), NOW)
    directory = os.open(generations.current, os.O_RDONLY)
    generations.install(files("two"), NOW)
    with os.fdopen(os.open("a.key", os.O_RDONLY, dir_fd=directory)) as key:
        assert key.read() == "one"
    os.close(directory)


@pytest.mark.parametrize("step", ["write_new", "sync_dir"])
def test_a_failure_keeps_the_old_one(generations, monkeypatch, step):
    generations.install(files("one"), NOW)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(identity, step, fail)
    with pytest.raises(StorageError, match="no space left on device"):
        generations.install(files("two"), NOW)
    assert (generations.current / "a.key").read_bytes() == b"one"
    assert len(list(generations.directory.iterdir())) == 2


def test_an_interrupt_just_after_the_swap_keeps_the_new_one(generations, monkeypatch):
    generations.install(files("one"), NOW)
    point = Generations._point_to

    def interrupted(self: Generations, name: str) -> None:
        point(self, name)
        raise KeyboardInterrupt

    monkeypatch.setattr(Generations, "_point_to", interrupted)
    with pytest.raises(KeyboardInterrupt):
        generations.install(files("two"), NOW)
    assert (generations.current / "a.key").read_bytes() == b"two"


def test_an_interrupt_before_the_swap_leaves_no_symlink(generations, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(identity.Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        generations.install(files("one"), NOW)
    assert list(generations.directory.iterdir()) == []


def test_clearing_removes_all_of_it(generations):
    generations.install(files("one"), NOW)
    generations.install(files("two"), NOW)
    generations.clear()
    assert generations.active() is None
    assert list(generations.directory.iterdir()) == []
    generations.clear()


def test_clearing_where_nothing_was(generations):
    generations.clear()
    assert not generations.directory.exists()


def test_the_other_forms_of_a_key_are_beside_it():
    paths = IdentityPaths(Path("/h/login.crt"), Path("/h/login.key"), Path("/h/ca.crt"))
    assert (paths.key_der, paths.pkcs12) == (Path("/h/login.pk8"), Path("/h/login.p12"))
