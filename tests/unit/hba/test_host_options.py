import click
import pytest
from click.testing import CliRunner

from pgward.core.errors import NotFoundError
from pgward.hba.host_options import OpenHost, host_options


@click.command()
@host_options
def look(*, open_host: OpenHost) -> None:
    host = open_host()
    click.echo(f"{host.data_dir.path} {host.state_dir} {host.superuser}")


def run(*words: object) -> str:
    result = CliRunner().invoke(look, [str(word) for word in words])
    if result.exception is not None:
        raise result.exception
    return result.output.strip()


def test_a_host_is_opened(pg_files, tmp_path) -> None:
    data = pg_files.data_dir
    assert run("--data-dir", data) == f"{data} {data}/pgward None"
    words = ("--data-dir", data, "--state-dir", tmp_path, "--psql-user", "boss")
    assert run(*words) == f"{data} {tmp_path} boss"


def test_a_host_that_is_not_there(tmp_path) -> None:
    with pytest.raises(NotFoundError):
        run("--data-dir", tmp_path / "none")
