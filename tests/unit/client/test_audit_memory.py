import pytest

from pgward.client.audit_memory import FILE, Heads
from pgward.core.errors import InvalidInputError


def verified(edge="e1", seq=5):
    return {"edge": edge, "chain": "aa", "last_seq": seq, "hash": "h"}


def test_heads_are_remembered_by_ca(tmp_path):
    ours, theirs = Heads(tmp_path, "SHA256:a"), Heads(tmp_path, "SHA256:b")
    assert ours.load() == {}
    ours.save([verified(), verified("e2", 7)])
    theirs.save([verified(seq=1)])
    ours.save([verified(seq=6)])
    assert ours.load() == {"e1/aa": {"seq": 6, "hash": "h"}, "e2/aa": {"seq": 7, "hash": "h"}}
    assert theirs.load() == {"e1/aa": {"seq": 1, "hash": "h"}}


@pytest.mark.parametrize("content", ["", "[]", '{"a": []}', '{"a": {"b": {"seq": "x"}}}'])
def test_a_damaged_file(tmp_path, content):
    (tmp_path / FILE).write_text(content)
    with pytest.raises(InvalidInputError, match="this file is damaged"):
        Heads(tmp_path, "a").load()
