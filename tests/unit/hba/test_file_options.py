import click
import pytest
from click.testing import CliRunner

from pgward.core.errors import InvalidInputError
from pgward.hba.file_options import ReadFiles, conf_file_option, dialect_options, file_options


@click.command()
@file_options
@dialect_options
@conf_file_option
def look(*, read_files: ReadFiles) -> None:
    found = read_files()
    settings = None if found.settings is None else [each.setting.key for each in found.settings]
    click.echo(f"{found.able.version} {[str(each.place) for each in found.hba]} {settings}")


COCKROACH = ("--dialect", "cockroachdb")
YUGABYTE = ("--dialect", "yugabytedb")


def run(*words: str) -> str:
    result = CliRunner().invoke(look, words)
    if result.exception is not None:
        raise result.exception
    return result.output.strip()


def test_named_files(tmp_path) -> None:
    hba, ident, conf = tmp_path / "hba", tmp_path / "ident", tmp_path / "conf"
    hba.write_text("local all all peer\n")
    ident.write_text("m a b\n")
    conf.write_text("ssl = on\n")
    words = ("--hba-file", str(hba), "--ident-file", str(ident), "--pg-version", "12")
    assert run(*words) == f"12 ['{hba}:1'] None"
    assert run(*words, "--conf-file", str(conf)) == f"12 ['{hba}:1'] ['ssl']"


def test_the_files_of_a_data_directory(tmp_path) -> None:
    for name, text in {"PG_VERSION": "17\n", "postgresql.conf": "ssl=on\n"}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "pg_hba.conf").write_text("local all all peer\n")
    assert run("--data-dir", str(tmp_path)) == f"17 ['{tmp_path}/pg_hba.conf:1'] ['ssl']"


def test_files_of_other_dialects(tmp_path) -> None:
    hba = tmp_path / "hba"
    hba.write_text("host all all all cert\n")
    named = ("--hba-file", str(hba))
    assert run(*COCKROACH, *named) == f"13 ['<built into CockroachDB>:1', '{hba}:1'] None"
    own = "'<built into YugabyteDB>:1'"
    assert run(*YUGABYTE, *named, "--pg-version", "11") == f"11 [{own}, '{hba}:1'] None"
    flags = ("--csv", "--pg-version", "15", "--use-client-to-server-encryption")
    added = "'<built into yb-tserver>:1', '<built into yb-tserver>:2'"
    assert run(*YUGABYTE, *named, *flags) == f"15 [{own}, '{hba}:1:1', {added}] None"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name one of --data-dir, --hba-file and --dsn"),
        (["--dsn", "host=h", "--hba-file", "/f"], "name one of"),
        (["--dsn", "host=h", "--pg-version", "15"], "--pg-version does not go with --dsn"),
        (["--dsn", "host=h port=x"], "the port is no number"),
        (["--data-dir", "/d", "--hba-file", "/f"], "name one of"),
        (["--data-dir", "/d", "--conf-file", "/f"], "--conf-file goes with --hba-file"),
        (["--ssh", "db1", "--hba-file", "/f"], "--ssh goes with --data-dir"),
        (["--ssh", "db1", "--dsn", "host=h"], "--ssh goes with --data-dir"),
        (["--ssh", "db1", "--data-dir", "data"], "data is no absolute path"),
        (["--data-dir", "/d", "--ssh-key", "k"], "--known-hosts go with --ssh"),
        (["--hba-file", "/none"], "reads pg_hba.conf in its own way"),
        (["--hba-file", "/none", "--pg-version", "15"], "there is no /none"),
        ([*COCKROACH, "--data-dir", "/d"], "--data-dir is for PostgreSQL, not for --dialect cockr"),
        ([*YUGABYTE, "--dsn", "host=h"], "--dsn is for PostgreSQL, not for --dialect yugabytedb"),
        ([*COCKROACH, "--hba-file", "/f", "--pg-version", "15"], "has nothing for --pg-version"),
        ([*COCKROACH, "--hba-file", "/f", "--conf-file", "/f"], "has nothing for --conf-file"),
        ([*COCKROACH, "--hba-file", "/f", "--csv"], "--csv goes with --dialect yugabytedb"),
        ([*YUGABYTE, "--hba-file", "/f"], "reads pg_hba.conf in its own way"),
        ([*YUGABYTE, "--hba-file", "/f", "--pg-version", "16"], "is not made of PostgreSQL 16"),
        ([*YUGABYTE, "--accept-sql-without-tls"], "goes with --dialect cockroachdb"),
        ([*YUGABYTE, "--hba-file", "/f", "--ysql-enable-auth"], "without --csv the file says all"),
        (["--hba-file", "/f", "--csv"], "--csv goes with --dialect yugabytedb"),
    ],
)
def test_what_is_missing(words, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        run(*words)
