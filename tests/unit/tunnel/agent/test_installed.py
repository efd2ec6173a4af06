import pytest

from pgward.system.files import StorageError
from pgward.tunnel.agent import installed


@pytest.fixture
def services_file(tmp_path):
    path = tmp_path / "pg_service.conf"
    path.write_text("[orders]\n")
    return path


def test_each_file_has_its_own_services(tmp_path, services_file):
    assert installed.load(tmp_path) == frozenset()
    other = tmp_path / "other"
    other.write_text("[stock]\n")
    installed.record(tmp_path, services_file, ["orders", "billing"])
    installed.record(tmp_path, other, ["stock"])
    assert installed.load(tmp_path) == {"billing", "orders", "stock"}
    installed.record(tmp_path, services_file, ["orders"])
    assert installed.load(tmp_path) == {"orders", "stock"}
    other.unlink()
    installed.record(tmp_path, services_file, ["orders"])
    assert installed.load(tmp_path) == {"orders"}


def test_a_record_is_seen_and_one_that_says_nothing_new_is_none(tmp_path, services_file):
    assert installed.version(tmp_path) is None
    installed.record(tmp_path, services_file, [])
    assert installed.version(tmp_path) is None
    seen = []
    for names in (["orders"], ["orders"], []):
        installed.record(tmp_path, services_file, names)
        seen.append(installed.version(tmp_path))
    assert seen[0] == seen[1] != seen[2]
    assert installed.load(tmp_path) == frozenset()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"files": 1}', '{"files": {"a": ["../x"]}}', '{"files": {"a": 1}}']
)
def test_a_damaged_file_is_as_good_as_none(tmp_path, text):
    (tmp_path / installed.FILE).write_text(text)
    assert installed.load(tmp_path) == frozenset()


def test_what_cannot_be_written_is_told(tmp_path, services_file):
    with pytest.raises(StorageError):
        installed.record(tmp_path / "nothing", services_file, ["orders"])
