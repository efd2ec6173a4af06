import click
import pytest
from click.testing import CliRunner

from pgward.core.errors import InvalidInputError
from pgward.hba.decide.connection import World
from pgward.hba.file_options import LoadFiles, file_options


@click.command()
@file_options
def look(*, load_files: LoadFiles) -> None:
    found = load_files(World())
    click.echo(f"{found.server.able.version} {[str(each.place) for each in found.rule_lines]}")


def run(*words: str) -> str:
    result = CliRunner().invoke(look, words)
    if result.exception is not None:
        raise result.exception
    return result.output.strip()


def test_named_files(tmp_path) -> None:
    hba, ident = tmp_path / "hba", tmp_path / "ident"
    hba.write_text("local all all peer\n")
    ident.write_text("m a b\n")
    said = run("--hba-file", str(hba), "--ident-file", str(ident), "--pg-version", "12")
    assert said == f"12 ['{hba}:1']"


def test_the_files_of_a_data_directory(pg_files) -> None:
    assert run("--data-dir", str(pg_files.data_dir)).startswith(str(pg_files.version))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name one of --data-dir and --hba-file"),
        (["--data-dir", "/d", "--hba-file", "/f"], "name one of"),
        (["--hba-file", "/none"], "reads pg_hba.conf in its own way"),
        (["--hba-file", "/none", "--pg-version", "15"], "there is no /none"),
    ],
)
def test_what_is_missing(words, message) -> None:
    with pytest.raises(InvalidInputError, match=message):
        run(*words)
