import signal

import pytest

from pgward.hba.plan.lint import Finding
from pgward.hba.server import reloading
from pgward.hba.server.datadir import DataDir, Running
from pgward.hba.server.local import LocalAccess
from pgward.hba.server.sql import LocalSql
from pgward.hba.syntax.versions import Abilities
from pgward.system.postgres import Account, Cluster

RUNNING = Running(4321, 5432, "/run", "127.0.0.1")


class Answers:
    """SQL access that gives one prepared answer after the other, and keeps the queries."""

    def __init__(self, *answers: list[list[str]] | None) -> None:
        self.answers = list(answers)
        self.queries: list[str] = []

    def __call__(self, query: str) -> list[list[str]] | None:
        self.queries.append(query)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def signals(monkeypatch) -> list[tuple[int, int]]:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(
        LocalAccess, "hang_up", lambda _self, pid, _owner: sent.append((pid, signal.SIGHUP))
    )
    monkeypatch.setattr(reloading, "_RELOAD_SECONDS", 0.05)
    monkeypatch.setattr(reloading, "_POLL_SECONDS", 0.001)
    return sent


def data_dir(tmp_path, version: int) -> DataDir:
    account = Account("", 0, 0)
    files = (tmp_path / "c", tmp_path / "it's", tmp_path / "i")
    return DataDir(tmp_path, Abilities.of(version), account, tmp_path, (), *files)


def test_a_reload_that_moved_the_load_time(signals) -> None:
    sql = Answers([["1"]], [["1"]], None, [["2"]])
    assert reloading.reload(RUNNING, sql, None) is True
    assert signals == [(4321, signal.SIGHUP)]


def test_a_reload_that_did_nothing(signals) -> None:
    assert reloading.reload(RUNNING, Answers([["1"]]), None) is False
    assert len(signals) == 1


def test_without_sql_access_the_certificate_tells(signals) -> None:
    seen = iter([False, False, True])
    assert reloading.reload(RUNNING, Answers(None), lambda: next(seen)) is True
    assert reloading.reload(RUNNING, Answers(None), lambda: False) is None
    assert reloading.reload(RUNNING, Answers(None), None) is None
    assert len(signals) == 3


@pytest.mark.parametrize(("version", "views"), [(11, 2), (14, 2), (15, 3), (18, 3)])
def test_the_views_of_each_version(tmp_path, version, views) -> None:
    sql = Answers([])
    assert reloading.file_errors(sql, data_dir(tmp_path, version)) == []
    assert sql.queries[0].count("select ") == views
    assert ("it''s" in sql.queries[0]) is (version < 16)


def test_errors_have_their_place(tmp_path) -> None:
    sql = Answers([["/f", "3", "wrong"]], [])
    assert reloading.file_errors(sql, data_dir(tmp_path, 15)) == [Finding("/f:3", "wrong")]


def test_an_error_may_quote_anything(tmp_path) -> None:
    sql = Answers([["/f", "3", 'invalid type "a', 'b"']], [])
    expected = [Finding("/f:3", 'invalid type "a\x1fb"')]
    assert reloading.file_errors(sql, data_dir(tmp_path, 15)) == expected


def test_no_access_is_no_opinion(tmp_path) -> None:
    assert reloading.file_errors(Answers(None), data_dir(tmp_path, 15)) is None


def test_a_server_without_tcp_presents_nothing() -> None:
    assert reloading.presents(Running(1, 5432, "/run", None), b"") is None


@pytest.mark.integration
def test_a_real_reload(pg: Cluster) -> None:
    found = DataDir.open(pg.data_dir)
    running = found.running()
    assert reloading.presents(running, b"x") is False
    sql = LocalSql(found, running)
    assert reloading.reload(running, sql, None) is True
    assert reloading.file_errors(sql, found) == []
    with found.hba_file.open("a") as file:
        file.write("nonsense\n")
    (finding,) = reloading.file_errors(sql, found)
    assert finding.where.startswith(str(found.hba_file))


def test_a_server_that_ended_just_now(monkeypatch) -> None:
    def gone(*_: object) -> None:
        raise ProcessLookupError

    monkeypatch.setattr(LocalAccess, "hang_up", gone)
    running = Running(1, 5432, "/run", "127.0.0.1")
    with pytest.raises(reloading.EndedError, match=r"PostgreSQL \(process 1\) ended just now"):
        reloading.reload(running, lambda _: None, None)
