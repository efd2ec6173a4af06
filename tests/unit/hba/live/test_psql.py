import os
from pathlib import Path

import pytest

from pgward.core.errors import UnavailableError
from pgward.hba.live.conninfo import Target, target
from pgward.hba.live.psql import Psql, Refusal
from pgward.system.postgres import Cluster


def where(cluster: Cluster, **more: str) -> Target:
    return Target(f"host={cluster.socket_dir} port={cluster.port} user=postgres", **more)


@pytest.mark.integration
def test_each_query_answers_for_itself(pg: Cluster) -> None:
    odd = "a\n\x1f\\echo 'b\" \U0001f600 :SQLSTATE"
    literal = "'" + odd.replace("'", "''") + "'"
    found = Psql(where(pg))(
        [
            f"select {literal} as text, 1 as number",
            "select 1 / 0",
            "select * from nothing_of_that_name",
            "select 1 where false",
            "select pg_sleep(0) is null, current_setting('default_transaction_read_only') as ro",
        ]
    )
    assert found[0] == [{"text": odd, "number": 1}]
    assert found[1] == Refusal("22012", "division by zero")
    assert (found[2].code, found[2].is_denial) == ("42P01", False)
    assert found[3] == []
    assert found[4][0]["ro"] == "on"


@pytest.mark.integration
def test_hostile_schemas_mean_nothing(pg: Cluster) -> None:
    pg.psql(
        "create function public.pg_conf_load_time(integer default 0) returns text "
        "language sql as $$ select 'mine' $$; "
        "alter role postgres set search_path = public, pg_catalog"
    )
    ((row,),) = Psql(where(pg))(["select current_setting('search_path') as path"])
    assert row == {"path": "pg_catalog"}


@pytest.mark.integration
def test_names_are_the_bytes_that_the_server_compares(pg: Cluster) -> None:
    pg.psql('create role "ann\u00e9"')
    pg.psql("create database old encoding 'LATIN1' template template0")
    for database in ("postgres", "old"):
        there = target(f"{where(pg).conninfo} dbname={database}")
        (rows,) = Psql(there)(["select rolname from pg_roles where rolname like 'ann%'"])
        assert rows == [{"rolname": "ann\u00e9"}]


def test_no_connection(tmp_path) -> None:
    with pytest.raises(UnavailableError, match=r"cannot be asked: .*No such file"):
        Psql(target(f"host={tmp_path} password=s3cr3t"))(["select 1"])


@pytest.fixture
def program(tmp_path):
    """A psql that tells how it was started, and then does something."""

    def made(then: str) -> Path:
        path = tmp_path / "psql"
        path.write_text(
            f'#!/bin/sh\necho "$*" > {tmp_path}/argv\nenv > {tmp_path}/environment\n{then}\n'
        )
        path.chmod(0o755)
        return path

    return made


def test_a_password_is_in_the_environment_alone(program, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PGPASSFILE", "/some/file")
    with pytest.raises(UnavailableError) as caught:
        Psql(target("host=h password=s3cr3t"), program("cat > /dev/null; exit 2"))(["select 1"])
    assert "s3cr3t" not in (tmp_path / "argv").read_text() + caught.value.message
    environment = (tmp_path / "environment").read_text()
    assert "PGPASSWORD=s3cr3t" in environment
    assert "PGPASSFILE=/some/file" in environment
    assert "PGPASSWORD" not in os.environ


@pytest.mark.parametrize(
    ("said", "told", "hint"),
    [
        (
            r'server at "h", port 1 failed: Connection refused\n\tIs the server running?\n',
            'server at "h", port 1 failed: Connection refused',
            "listen_addresses",
        ),
        (
            r"no way: Connection refused\n\tIs the server running\n\tTCP/IP connections on 1?\n",
            "no way: Connection refused",
            "listen_addresses",
        ),
        (r'could not translate host name "h" to address: x\n', 'host name "h"', "find that name"),
        (r"FATAL:  role \033[2J\n", r"FATAL:  role \x1b[2J", "psql with the same"),
    ],
)
def test_a_server_that_is_not_there(program, said, told, hint) -> None:
    psql = Psql(target("host=h"), program(f"cat > /dev/null; printf '{said}' >&2; exit 2"))
    with pytest.raises(UnavailableError) as caught:
        psql(["select 1"])
    assert told in caught.value.message
    assert not set("\t\n?") & set(caught.value.message)
    assert hint in caught.value.hint


@pytest.mark.parametrize("rows", ["nonsense", "{}", "[1]", "[" * 100_000])
def test_rows_that_are_none(program, rows) -> None:
    find = r"mark=$(sed -n 's/^.echo \([0-9a-f]*\)$/\1/p')"
    script = f"""{find}; printf '%s\\n%s 00000 \\n%s\\n' '{rows}' "$mark" "$mark" """
    with pytest.raises(UnavailableError, match="its rows are none"):
        Psql(target("host=h"), program(script))(["select 1"])


def test_a_password_that_is_missing(program) -> None:
    said = "psql: error: connection failed: fe_sendauth: no password supplied"
    psql = Psql(target("host=h"), program(f"cat > /dev/null; echo '{said}' >&2; exit 2"))
    with pytest.raises(UnavailableError, match="asked: connection failed") as caught:
        psql(["select 1"])
    assert "PGPASSFILE" in caught.value.hint


def test_a_psql_that_is_too_old(program) -> None:
    """It has no variable for an error's code, and writes its name."""
    psql = Psql(target("host=h"), program(r"sed -n 's/^.echo \(..*\)/\1/p;s/^.echo$//p'"))
    with pytest.raises(UnavailableError, match="older than 11"):
        psql(["select 1"])


def test_a_server_that_does_not_answer(program) -> None:
    psql = Psql(target("host=h"), program("exec sleep 60"), seconds=0.2)
    with pytest.raises(UnavailableError, match=r"did not answer within 0\.2 seconds"):
        psql(["select 1"])
