import pytest

from pgward.core.errors import ConflictError
from pgward.hba.install.generations import Generations
from pgward.hba.install.journal import Journal, Replaced, digest
from pgward.hba.server.disk import Disk, owner_of


@pytest.fixture
def disk(tmp_path) -> Disk:
    return Disk(owner_of(tmp_path))


@pytest.fixture
def generations(tmp_path) -> Generations:
    (tmp_path / "tls").mkdir()
    return Generations(tmp_path / "tls", Disk(owner_of(tmp_path)))


@pytest.fixture
def journal(tmp_path) -> Journal:
    """``a`` was replaced, ``b`` was made, ``c`` was about to be replaced."""
    (tmp_path / "a.backup").write_bytes(b"old a")
    (tmp_path / "c.backup").write_bytes(b"old c")
    for name, content in (("a", b"new a"), ("b", b"new b"), ("c", b"old c")):
        (tmp_path / name).write_bytes(content)
    replaced = [
        Replaced(
            str(tmp_path / "a"), str(tmp_path / "a.backup"), digest(b"old a"), digest(b"new a")
        ),
        Replaced(str(tmp_path / "b"), None, digest(None), digest(b"new b")),
        Replaced(
            str(tmp_path / "c"), str(tmp_path / "c.backup"), digest(b"old c"), digest(b"new c")
        ),
    ]
    return Journal("before", tuple(replaced))


def test_saved_and_loaded(journal, tmp_path, disk) -> None:
    journal.save(tmp_path / "j", disk)
    assert Journal.load(tmp_path / "j", disk) == journal
    assert Journal.load(tmp_path / "none", disk) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"files-2": [], "generation": null}'])
def test_a_damaged_journal_is_not_guessed_at(tmp_path, text, disk) -> None:
    (tmp_path / "j").write_text(text)
    with pytest.raises(ConflictError, match="cannot be read"):
        Journal.load(tmp_path / "j", disk)


def test_undo(journal, generations, tmp_path, disk) -> None:
    generations.use("after")
    assert journal.undo(generations, disk) is True
    assert (tmp_path / "a").read_bytes() == b"old a"
    assert not (tmp_path / "b").exists()
    assert (tmp_path / "c").read_bytes() == b"old c"
    assert generations.current() == "before"


def test_undo_a_second_time_changes_nothing(journal, generations, disk) -> None:
    assert journal.undo(generations, disk) is True
    assert journal.undo(generations, disk) is False


def test_what_someone_else_changed_is_left_alone(journal, generations, tmp_path, disk) -> None:
    (tmp_path / "b").write_bytes(b"theirs")
    with pytest.raises(ConflictError, match="b was changed by someone else"):
        journal.undo(generations, disk)
    assert (tmp_path / "a").read_bytes() == b"new a"
