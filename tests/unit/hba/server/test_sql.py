import pytest

from pgward.hba.server.datadir import DataDir, Running
from pgward.hba.server.sql import LocalSql, superusers
from pgward.system.postgres import Cluster


@pytest.mark.integration
def test_local_sql(pg: Cluster) -> None:
    found = DataDir.open(pg.data_dir)
    running = found.running()
    assert LocalSql(found, running)("select 1, 'a b'") == [["1", "a b"]]
    odd = "a\n\v\f\r\x1c\x1d\x1e\x85b"
    assert LocalSql(found, running)(f"select '{odd}', 2 union all select 'c', 3") == [
        [odd.replace("\r", "\n"), "2"],
        ["c", "3"],
    ]
    assert LocalSql(found, running, "nobody_at_all")("select 1") is None
    assert LocalSql(found, Running(1, 1, "", None))("select 1") is None


def test_which_roles_are_tried(pg_files: Cluster) -> None:
    found = DataDir.open(pg_files.data_dir)
    own = found.access.account_name(found.owner)
    assert superusers(found, None) == list(dict.fromkeys(["postgres", own]))
    assert superusers(found, "dba") == ["dba"]
