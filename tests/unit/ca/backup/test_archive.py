import gzip
import io
import json
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgward.ca.backup import archive
from pgward.ca.backup.archive import BackupError, Header, Manifest, Sink, Writer, read
from pgward.ca.store.rows import Tally

HEADER = Header("1.0", "2026-11-21T12:00:00Z", "Acme", "0001")


def made(finish=True):
    target = io.BytesIO()
    writer = Writer(target, HEADER)
    writer.file("pgward.toml", b"[ca]\n")
    writer.file("certs/user-root.crt", b"PEM")
    writer.table("users", [[b'{"a":1}', b'{"a":2}'], [b'{"a":3}']])
    writer.table("crls", [])
    if finish:
        writer.finish()
    return target.getvalue()


class Taken:
    def __init__(self):
        self.headers, self.files, self.rows = [], {}, []

    def sink(self):
        return Sink(
            self.headers.append,
            self.files.__setitem__,
            lambda name, lines: self.rows.append((name, lines)),
        )


def taken(data):
    found = Taken()
    return found, read(io.BytesIO(data), found.sink())


def repacked(change):
    """Return a backup with its members changed: a list of (name, content) in and out."""
    with tarfile.open(fileobj=io.BytesIO(made()), mode="r:gz") as tar:
        members = [(each.name, tar.extractfile(each).read()) for each in tar]
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for name, data in change(members):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return target.getvalue()


def test_everything_is_read_back_in_order():
    found, manifest = taken(made())
    assert found.headers == [HEADER]
    assert found.files == {"pgward.toml": b"[ca]\n", "certs/user-root.crt": b"PEM"}
    expected = [("users", [b'{"a":1}', b'{"a":2}']), ("users", [b'{"a":3}'])]
    assert found.rows == expected
    assert manifest.tables["users"].rows == 3
    assert manifest.tables["crls"] == Tally()
    assert Manifest.parse(manifest.dump()) == manifest


def without(name):
    return lambda members: [each for each in members if each[0] != name]


def with_content(name, content):
    return lambda members: [(each, content if each == name else data) for each, data in members]


def manifest_with(**changes):
    def change(members):
        return [
            (
                name,
                json.dumps(json.loads(data) | changes).encode()
                if name == "manifest.json"
                else data,
            )
            for name, data in members
        ]

    return change


WRONG = [
    (without("pgward-backup.json"), "no backup of pgward's"),
    (without("manifest.json"), "is not complete"),
    (without("files/pgward.toml"), "its files are not"),
    (without("tables/users/000002.jsonl"), "the rows of users"),
    (with_content("files/pgward.toml", b"[ca]"), "its files are not"),
    (with_content("tables/users/000002.jsonl", b'{"a":4}\n'), "the rows of users"),
    (with_content("manifest.json", b"[]"), "damaged"),
    (with_content("manifest.json", b"{}"), "manifest.json in it is damaged"),
    (with_content("pgward-backup.json", b"{"), "damaged"),
    (with_content("pgward-backup.json", b'{"format":2}'), "made by a newer pgward"),
    (with_content("pgward-backup.json", b'{"format":1}'), "damaged"),
    (manifest_with(tables={}), "the rows of users"),
    (manifest_with(files={}), "its files are not"),
    (manifest_with(tables={"x": {"rows": 1, "hash": "00"}}), "the rows of "),
    (lambda members: [*members, ("files/x", b"")], "something follows its end"),
    (lambda members: [members[1], members[0], *members[2:]], "no backup of pgward's"),
    (lambda members: [members[0], *members], "no backup of pgward's"),
    (lambda members: [members[0], ("other", b""), *members[1:]], "does not know"),
    (lambda members: [members[0], ("files/../x", b""), *members[1:]], "cannot be a file's name"),
    (lambda members: [members[0], ("files//x", b""), *members[1:]], "cannot be a file's name"),
    (lambda members: [members[0], ("tables/Users/000001.jsonl", b""), *members[1:]], "not know"),
]


@pytest.mark.parametrize(("change", "said"), WRONG)
def test_what_is_not_as_it_was_written_is_refused(change, said):
    with pytest.raises(BackupError, match=said):
        taken(repacked(change))


def test_links_and_devices_are_refused():
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        info = tarfile.TarInfo("pgward-backup.json")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(info)
    with pytest.raises(BackupError, match="is no file of a backup"):
        taken(target.getvalue())


def test_a_backup_that_was_not_finished_is_refused():
    whole = made()
    for data in (made(finish=False), whole[: len(whole) // 2], whole[:-1], b"", b"\x1f\x8b"):
        with pytest.raises(BackupError):
            taken(data)


@settings(max_examples=100)
@given(st.binary(max_size=300), st.sampled_from(["raw", "gzip", "tar"]))
def test_anything_else_is_one_error(data, kind):
    if kind == "gzip":
        data = gzip.compress(data)
    elif kind == "tar":
        data = repacked(lambda members: [*members[:2], ("tables/users/000001.jsonl", data)])
    with pytest.raises(BackupError):
        taken(data)


def test_a_table_that_is_too_big_for_one_member_is_many(monkeypatch):
    monkeypatch.setattr(archive, "_MOST_MEMBER", 10)
    with pytest.raises(BackupError, match="is no file of a backup"):
        taken(made())
