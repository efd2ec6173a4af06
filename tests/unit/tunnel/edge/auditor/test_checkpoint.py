import logging

from pgward.audit.chain.head import Head
from pgward.tunnel.edge.auditor.checkpoint import FILE, Checkpoint, Mark
from pgward.tunnel.edge.auditor.shelf import Chained

MARKS = {"0123456789abcdef": Mark(1 << 33, {"sessions": {"1": ["ü"]}})}


def test_a_checkpoint_is_saved_and_loaded(tmp_path):
    saved = Checkpoint(
        3, Head("00" * 8, 9, bytes(32)), 4, MARKS, ("ff" * 8,), {"ee" * 8: Chained(2, "x")}
    )
    saved.save(tmp_path)
    assert Checkpoint.load(tmp_path) == saved
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_there_is_none_at_first(tmp_path):
    assert Checkpoint.load(tmp_path) is None


def test_a_new_chain_has_a_name_of_its_own():
    first, second = Checkpoint.first(5), Checkpoint.first(5)
    assert first.head.chain != second.head.chain
    assert (first.head, first.number) == (Head.origin(first.head.chain), 5)


def test_a_damaged_one_is_set_aside_and_told_of(tmp_path, caplog):
    for text in ("", "[]", '{"tapes": {}}'):
        (tmp_path / FILE).write_text(text)
        with caplog.at_level(logging.ERROR):
            assert Checkpoint.load(tmp_path) is None
        assert "a new chain begins" in caplog.text
        assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.damaged"]
