import os
from datetime import UTC, datetime

import pytest

from pgward.core.address import Address
from pgward.tunnel.edge.upstreams.health import Health
from pgward.tunnel.edge.upstreams.health_file import NAME, Keeper, Kept, Server, read

KNOWN = (
    Health("orders", Address("db1", 5432), None, 0.1, 1.0),
    Health("orders", Address("db2", 5432), "it does not answer", 5.0, 1.0),
)
SERVERS = (
    Server("orders", "db1:5432", None),
    Server("orders", "db2:5432", "it does not answer"),
)


def test_what_is_kept_is_read(tmp_path):
    Keeper(tmp_path)(KNOWN, True)
    os.utime(tmp_path / NAME, (1000, 1000))
    assert read(tmp_path) == Kept(datetime.fromtimestamp(1000, UTC), SERVERS)


def test_what_stays_the_same_is_only_newer(tmp_path):
    keeper = Keeper(tmp_path)
    keeper(KNOWN, True)
    os.utime(tmp_path / NAME, (1000, 1000))
    before = (tmp_path / NAME).stat()
    keeper(KNOWN, False)
    after = (tmp_path / NAME).stat()
    assert (after.st_ino, after.st_mtime > 1000) == (before.st_ino, True)


def test_a_disk_that_takes_nothing_is_told_of(tmp_path, caplog):
    Keeper(tmp_path / "gone")(KNOWN, True)
    assert "how the databases are cannot be kept" in caplog.text


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"servers": [3]}', b"\xff"])
def test_what_cannot_be_read_is_nothing(tmp_path, content):
    if content is not None:
        (tmp_path / NAME).write_bytes(content)
    assert read(tmp_path) is None
