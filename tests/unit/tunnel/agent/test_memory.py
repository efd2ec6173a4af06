import json

import pytest

from pgward.system.files import StorageError
from pgward.tunnel.agent import memory
from pgward.tunnel.agent.memory import Wanted


def test_what_was_open_is_remembered_by_name(tmp_path):
    assert memory.load(tmp_path) == []
    memory.save(tmp_path, [Wanted("stock", socket=True), Wanted("orders")])
    assert memory.load(tmp_path) == [Wanted("orders"), Wanted("stock", socket=True)]
    memory.save(tmp_path, [Wanted("billing", installed=True)])  # a section wants it, nobody else
    assert memory.load(tmp_path) == []


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"tunnels": 1}', '{"tunnels": [{"service": "../x"}]}', '{"tunnels": [1]}'],
)
def test_a_damaged_file_is_as_good_as_none(tmp_path, text):
    (tmp_path / memory.FILE).write_text(text)
    assert memory.load(tmp_path) == []


def test_a_file_may_not_name_tunnels_without_end(tmp_path):
    many = [{"service": f"s{number}"} for number in range(memory.MOST + 5)]
    (tmp_path / memory.FILE).write_text(json.dumps({"tunnels": many}))
    assert len(memory.load(tmp_path)) == memory.MOST


def test_what_cannot_be_written_is_told(tmp_path):
    with pytest.raises(StorageError):
        memory.save(tmp_path / "nothing", [])
