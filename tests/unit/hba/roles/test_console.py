import subprocess

import pytest

from pgward.core.errors import PgwardError
from pgward.hba.roles.console import Console, RefusedError
from pgward.hba.server.datadir import DataDir, Running
from pgward.hba.server.local import LocalAccess
from pgward.system.postgres import Cluster


@pytest.mark.integration
def test_scripts_run_and_fail_in_the_servers_words(pg: Cluster) -> None:
    found = DataDir.open(pg.data_dir)
    running = found.running()
    console = Console.open(found, running, None)
    names = ", ".join(f"'{number}'" for number in range(40_000))  # more than an argument may have
    assert console.run(f"select 1; select count(*) from unnest(array[{names}])") == ["1", "40000"]
    with pytest.raises(RefusedError, match=r"refused: .*syntax error"):
        console.run("begin; create role x; nonsense; commit;")
    assert console.run("select 1 from pg_roles where rolname = 'x'") == []
    assert console.run("select E'a\\u2028b\\x0bc', 1; select 2") == ["a\u2028b\x0bc|1", "2"]
    pg.psql("create role plain login")
    assert Console.open(found, running, "plain") is None
    assert Console.open(found, Running(1, 1, "", None), None) is None


def test_a_server_that_does_not_answer(pg_files, monkeypatch) -> None:
    def late(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("psql", 60)

    console = Console(DataDir.open(pg_files.data_dir), Running(1, 1, "/run", None), "postgres")
    monkeypatch.setattr(LocalAccess, "execute", late)
    with pytest.raises(PgwardError, match="could not be asked"):
        console.run("select 1")
