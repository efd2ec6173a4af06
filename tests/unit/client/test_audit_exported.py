import json
import shutil

import pytest

from pgward.audit.chain.head import Head
from pgward.client.audit_exported import ABOUT, Exported, Exporter
from pgward.core.errors import InvalidInputError, NotFoundError
from tests.fixtures.chunks import CHAIN, record


def export(archive, directory, **about):
    exporter = Exporter(directory)
    for each in archive.chunks:
        if not exporter.has(each.signed):
            exporter.write(each.signed, each.lines)
    exporter.finish({"filters": {}, "chains": archive.chains, **about})
    return exporter


def test_what_was_written_is_read_back(fake_archive, tmp_path):
    assert export(fake_archive, tmp_path / "x").written == 3
    found = Exported(tmp_path / "x")
    assert found.chains() == [("e1", CHAIN), ("e2", "ff" * 8)]
    assert found.start("e1", CHAIN) == Head.origin(CHAIN)
    read = [(first, *each()) for first, each in found.chunks("e1", CHAIN)]
    expected = [each for each in fake_archive.chunks if each.signed.manifest.edge == "e1"]
    assert [each[0] for each in read] == [1, 3]
    assert [each[1].text for each in read] == [each.signed.text for each in expected]
    assert [each[2] for each in read] == [each.lines for each in expected]


def test_it_says_which_lines_there_are(fake_archive, tmp_path):
    export(fake_archive, tmp_path / "x")
    about = json.loads((tmp_path / "x" / ABOUT).read_text())
    assert [each["lines"] for each in about["chains"]] == [[[1, 5]], [[1, 1]]]


def test_its_files_are_plain(fake_archive, tmp_path):
    export(fake_archive, tmp_path / "x")
    path = tmp_path / "x" / "e1" / CHAIN / "000000000000000003.ndjson"
    assert [json.loads(line)["statement"] for line in path.read_text().splitlines()] == [3, 4, 5]
    assert path.with_suffix(".jws").read_text().count(".") == 2


def test_what_is_there_is_not_written_again(fake_archive, tmp_path):
    export(fake_archive, tmp_path / "x")
    again = export(fake_archive, tmp_path / "x")
    assert (again.chunks, again.written) == (3, 0)


def test_half_a_chunk_is_written_again(fake_archive, tmp_path):
    export(fake_archive, tmp_path / "x")
    (tmp_path / "x" / "e1" / CHAIN / "000000000000000001.ndjson").unlink()
    assert export(fake_archive, tmp_path / "x").written == 1


def test_what_may_be_missing(fake_archive, tmp_path):
    fake_archive.serve(gaps=[[5, 9]], first_seq=3, first_hash="A" * 43)
    export(fake_archive, tmp_path / "x")
    found = Exported(tmp_path / "x")
    assert found.gaps("e1", CHAIN) == [(5, 9)]
    assert found.start("e1", CHAIN) == Head(CHAIN, 2, bytes(32))
    assert found.left_out("e1", CHAIN) == []
    assert found.last("e1", CHAIN) == 5


def test_what_nobody_asked_for(fake_archive, tmp_path):
    fake_archive.add(record(6))
    fake_archive.serve(gaps=[[1, 1]])
    last = 2**62 - 1
    fake_archive.chunks = fake_archive.chunks[1:2]
    export(fake_archive, tmp_path / "x", filters={"user": "alice", "edge": "e1"})
    found = Exported(tmp_path / "x")
    assert found.gaps("e1", CHAIN) == [(1, 1)]
    assert found.left_out("e1", CHAIN) == [(2, 2), (6, last)]
    assert (found.last("e1", CHAIN), found.last("e2", "ff" * 8)) == (5, 0)
    about = json.loads((tmp_path / "x" / ABOUT).read_text())
    assert [each["lines"] for each in about["chains"]] == [[[3, 5]], []]
    for each in about["chains"]:
        del each["lines"]  # as exports before did not say which they were
    (tmp_path / "x" / ABOUT).write_text(json.dumps(about))
    assert Exported(tmp_path / "x").left_out("e1", CHAIN) == [(2, last)]


def test_a_chain_whose_directory_is_gone_is_expected_all_the_same(fake_archive, tmp_path):
    export(fake_archive, tmp_path / "x")
    shutil.rmtree(tmp_path / "x" / "e2")
    found = Exported(tmp_path / "x")
    assert ("e2", "ff" * 8) in found.chains()
    assert list(found.chunks("e2", "ff" * 8)) == []
    export(fake_archive, tmp_path / "y", filters={"user": "alice"})
    shutil.rmtree(tmp_path / "y" / "e2")
    assert Exported(tmp_path / "y").chains() == found.chains()


def test_no_export(tmp_path):
    with pytest.raises(NotFoundError, match="holds no export"):
        Exported(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"chains": [5], "filters": {}}'])
def test_a_damaged_export(tmp_path, content):
    (tmp_path / ABOUT).write_text(content)
    with pytest.raises(InvalidInputError, match="this file is damaged"):
        Exported(tmp_path)
