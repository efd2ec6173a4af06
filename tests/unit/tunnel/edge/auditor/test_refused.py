import json

import pytest

from pgward.system.files import StorageError
from pgward.tunnel.edge.auditor.refused import Refused

NAME = "00112233445566ff-000000000000000004"


@pytest.fixture
def files(tmp_path):
    chunk, parcel = tmp_path / "4.chunk", tmp_path / "4.parcel"
    chunk.write_bytes(b"chunk")
    parcel.write_bytes(b"parcel!")
    return chunk, parcel


def names_in(refused):
    return {each.name for each in refused.directory.iterdir()}


def test_what_was_refused_is_kept_when_the_shelf_lets_it_go(tmp_path, files):
    refused = Refused(tmp_path)
    assert (len(refused), refused.size, NAME in refused) == (0, 0, False)
    assert not refused.directory.exists()
    refused.add(NAME, *files, target="ca", why="it is damaged")
    for each in files:
        each.unlink()
    for found in (refused, Refused(tmp_path)):
        assert (found.names, len(found), found.size, NAME in found) == ([NAME], 1, 12, True)
    assert refused.path(NAME).read_bytes() == b"chunk"
    assert refused.directory.stat().st_mode & 0o777 == 0o700


def test_it_says_who_refused_it_and_why(tmp_path, files):
    refused = Refused(tmp_path)
    refused.add(NAME, *files, target="ca", why="it is damaged")
    refused.add(NAME, *files, target="syslog", why="it cannot be unpacked")
    assert json.loads(refused.path(NAME, ".json").read_text()) == {
        "ca": "it is damaged",
        "syslog": "it cannot be unpacked",
    }
    refused.path(NAME, ".json").write_text("torn")
    refused.add(NAME, *files, target="ca", why="no")
    assert json.loads(refused.path(NAME, ".json").read_text()) == {"ca": "no"}


def test_a_chunk_without_a_parcel(tmp_path, files):
    refused = Refused(tmp_path)
    refused.add(NAME, files[0], tmp_path / "none", target="ca", why="no")
    assert (refused.size, names_in(refused)) == (5, {f"{NAME}.chunk", f"{NAME}.json", "lock"})


def test_what_was_taken_after_all_is_forgotten(tmp_path, files):
    refused = Refused(tmp_path)
    refused.add(NAME, *files, target="ca", why="no")
    refused.remove(NAME)
    refused.remove(NAME)
    assert (refused.names, refused.size, names_in(refused)) == ([], 0, {"lock"})


def test_a_place_that_cannot_be_written(tmp_path, files):
    (tmp_path / "refused").write_text("in the way")
    with pytest.raises(StorageError):
        Refused(tmp_path).add(NAME, *files, target="ca", why="no")


def test_what_somebody_removed_counts_no_more_once_it_was_looked_for(tmp_path, files):
    refused = Refused(tmp_path)
    refused.look()
    for name in (NAME, "other"):
        refused.add(name, *files, target="ca", why="no")
    other = Refused(tmp_path)
    other.remove(NAME)
    assert len(refused) == 2
    refused.look()
    refused.look()
    assert (refused.names, refused.size) == (["other"], 12)


def test_a_target_that_takes_it_after_all_is_one_less(tmp_path, files):
    refused = Refused(tmp_path)
    for target in ("ca", "recordings"):
        refused.add(NAME, *files, target=target, why="no")
    assert refused.parcel(NAME) == b"parcel!"
    assert refused.settle(NAME, "ca") == refused.told(NAME) == {"recordings": "no"}
    assert refused.names == [NAME]
    assert refused.settle(NAME, "recordings") == refused.told(NAME) == {}
    assert (refused.names, names_in(refused)) == ([], {"lock"})
