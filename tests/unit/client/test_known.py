import json

import pytest

from pgward.client.known import keep, known_services
from pgward.client.services import ServiceInfo


def test_a_home_that_heard_of_nothing(tmp_path):
    assert known_services(tmp_path / "gone") == []


def test_what_the_ca_said_last_and_open_tunnels(tmp_path):
    kept = {"user": "alice", "services": [{"name": "shop"}, {"name": "orders"}]}
    (tmp_path / "services.json").write_text(json.dumps(kept))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "old.json").touch()
    assert known_services(tmp_path) == ["old", "orders", "shop"]


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b'{"services": 1}', b'{"services": [1]}'])
def test_a_damaged_file_gives_nothing(tmp_path, content):
    (tmp_path / "services.json").write_bytes(content)
    assert known_services(tmp_path) == []


def test_what_is_kept_is_known(tmp_path):
    keep(tmp_path, "alice", [ServiceInfo("shop", "", "tcp", "db1", None, "require", ())])
    assert known_services(tmp_path) == ["shop"]
    assert json.loads((tmp_path / "services.json").read_bytes())["user"] == "alice"
