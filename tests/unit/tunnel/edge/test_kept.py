import errno

import pytest

from pgward.pki import jws, keys
from pgward.pki.errors import SnapshotError
from pgward.pki.snapshot_parts import digest, pack
from pgward.system.files import StorageError
from pgward.tunnel.edge import kept as module
from pgward.tunnel.edge.kept import Answer, Kept, shown

KEY = keys.generate()
SHOP, WIKI = ({name: {"name": name, "mode": "tcp"}} for name in ("shop", "wiki"))


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path / "snapshot.jws")


def texts(*contents):
    return {digest(text): text for text in map(pack, contents)}


def signed(parts, section="services", **fields):
    named = {section: {f"{number:02x}": each for number, each in enumerate(parts)}}
    payload = {"version": 1, "parts": named, **fields}
    return jws.sign({"typ": "pgward-snapshot+jws", "alg": "ES256"}, payload, KEY)


def files(tmp_path):
    return {each.name for each in (tmp_path / "snapshot.parts").iterdir()}


def test_nothing_is_kept(kept, tmp_path):
    assert kept.load() is None
    with pytest.raises(FileNotFoundError):
        shown(tmp_path / "snapshot.jws")


def test_what_was_saved_is_loaded_and_private(kept, tmp_path):
    parts = texts(SHOP, WIKI)
    text = signed(parts)
    kept.save(text, parts)
    assert Kept(kept.path).load() == Answer(text, parts)
    assert {each.stat().st_mode & 0o077 for each in tmp_path.rglob("*")} == {0}


def test_only_what_is_new_is_written_and_what_is_old_goes(kept, tmp_path):
    before = texts(SHOP, WIKI)
    kept.save(signed(before), before)
    (same,) = texts(SHOP)
    at = (tmp_path / "snapshot.parts" / same).stat().st_ino
    after = texts(SHOP, {"desk": {}})
    (tmp_path / "snapshot.parts" / ".left.tmp").write_text("by a crash")
    kept.save(signed(after), after)
    assert files(tmp_path) == after.keys()
    assert (tmp_path / "snapshot.parts" / same).stat().st_ino == at


def test_a_snapshot_that_is_whole_has_no_parts(kept, tmp_path):
    kept.save("a.b.c", {})
    assert Kept(kept.path).load() == Answer("a.b.c", {})
    assert not (tmp_path / "snapshot.parts").exists()
    parts = texts(SHOP)
    kept.save(signed(parts), parts)
    kept.save("a.b.c", {})
    assert files(tmp_path) == set()


def test_a_damaged_part_is_left_out_and_written_again(kept, tmp_path):
    parts = texts(SHOP, WIKI)
    kept.save(signed(parts), parts)
    (bad,) = texts(SHOP)
    (tmp_path / "snapshot.parts" / bad).write_text("damaged")
    again = Kept(kept.path)
    assert again.load().parts == texts(WIKI)
    again.save(signed(parts), parts)
    assert Kept(kept.path).load().parts == parts


def test_a_disk_that_takes_nothing(kept, tmp_path):
    (tmp_path / "snapshot.parts").write_text("no directory")
    with pytest.raises(StorageError):
        kept.save(signed(texts(SHOP)), texts(SHOP))


def test_a_disk_that_fills_gets_back_what_was_written(kept, tmp_path, monkeypatch):
    before, after = texts(SHOP), texts(SHOP, WIKI, {"desk": {}})
    kept.save(signed(before), before)

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(StorageError, match="no space left"):
        kept.save(signed(after), after)
    assert files(tmp_path) == before.keys()
    assert Kept(kept.path).load() == Answer(signed_as(kept), before)


def signed_as(kept):
    return kept.path.read_text()


def test_it_is_shown_as_if_it_had_come_whole(kept, tmp_path):
    parts = texts({**WIKI, **SHOP})
    kept.save(signed(parts, blocked=["bob"]), parts)
    found = shown(tmp_path / "snapshot.jws")
    assert found == {
        "version": 1,
        "blocked": ["bob"],
        "services": [SHOP["shop"], WIKI["wiki"]],
    }


def test_parts_that_lack_or_cannot_be_read_are_seen(kept, tmp_path):
    kept.save(signed(texts(SHOP)), texts(WIKI))
    assert shown(tmp_path / "snapshot.jws")["services"] == []
    bad = {digest("x"): "x"}
    kept.save(signed(bad), bad)
    with pytest.raises(SnapshotError):
        shown(tmp_path / "snapshot.jws")
