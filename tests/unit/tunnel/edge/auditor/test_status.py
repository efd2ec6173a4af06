from dataclasses import replace

from pgward.tunnel.edge.auditor import status
from pgward.tunnel.edge.auditor.status import Status, StatusFile, Waiting
from tests.fixtures.fake_ca import FakeClock

STATUS = Status(
    7, 3 << 20, 2, 900, ("ab",), {"ca": Waiting(2, "it is away"), "file-1": Waiting(0, None)}
)


def test_what_was_written_is_shown(tmp_path):
    StatusFile(tmp_path, FakeClock()).write(STATUS)
    found = status.load(tmp_path)
    assert found["time"] == "2026-11-21T12:00:00Z"
    assert found["targets"]["ca"] == {"chunks": 2, "problem": "it is away"}
    assert status.shown(found) == (
        "7 records since the start; 3 MiB on tape are not records yet; "
        "tapes that cannot be read: ab; 2 chunks wait for ca (it is away)"
    )


def test_it_is_written_when_something_changed(tmp_path):
    file = StatusFile(tmp_path, FakeClock())
    file.write(STATUS)
    (tmp_path / "status.json").unlink()
    file.write(STATUS)
    assert status.load(tmp_path) is None
    file.write(
        replace(STATUS, records=8, tape_bytes=0, unreadable=(), targets={"ca": Waiting(1, None)})
    )
    assert status.shown(status.load(tmp_path)) == "8 records since the start; 1 chunk waits for ca"


def test_a_file_that_cannot_be_read_or_written_is_none(tmp_path):
    for text in ("", "[]", "torn"):
        (tmp_path / "status.json").write_text(text)
        assert status.load(tmp_path) is None
    StatusFile(tmp_path / "none", FakeClock()).write(STATUS)


def test_chunks_that_were_set_aside_are_told_of():
    told = {"records": 8, "tape_bytes": 0, "targets": {}}
    shown = [status.shown(told | {"refused": number}) for number in (0, 1, 2)]
    assert shown == [
        "8 records since the start",
        "8 records since the start; 1 chunk was refused, and set aside: see pgward edge refused",
        "8 records since the start; 2 chunks were refused, and set aside: see pgward edge refused",
    ]


def test_tapes_that_are_half_full_are_told_of():
    told = {"records": 8, "tape_bytes": 600 << 20, "targets": {}}
    shown = [status.shown(told | {"pressing": number}) for number in (0, 1, 2)]
    begin = "8 records since the start; 600 MiB on tape are not records yet"
    assert shown == [
        begin,
        f"{begin}; a tape is half full, and the heaviest sessions are slowed",
        f"{begin}; 2 tapes are half full, and the heaviest sessions are slowed",
    ]
