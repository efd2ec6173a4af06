import click
import pytest
from click.testing import CliRunner

from pgward.core.errors import InvalidInputError
from pgward.hba.ssh_options import reachable_host_options


@click.command()
@reachable_host_options
def look(*, open_host) -> None:
    host = open_host()
    click.echo(f"{host.data_dir.path} {host.state_dir} {type(host.data_dir.access).__name__}")


def run(*words: object) -> str:
    result = CliRunner().invoke(look, [str(word) for word in words])
    if result.exception is not None:
        raise result.exception
    return result.output.strip()


def test_this_machine(pg_files) -> None:
    data = pg_files.data_dir
    assert run("--data-dir", data) == f"{data} {data}/pgward LocalAccess"


@pytest.mark.integration
def test_another_machine(pg_files, sshd) -> None:
    data = pg_files.data_dir
    assert run("--data-dir", data, *sshd.options) == f"{data} {data}/pgward SshAccess"


def test_a_key_for_no_connection(tmp_path) -> None:
    with pytest.raises(InvalidInputError, match="go with --ssh"):
        run("--data-dir", tmp_path, "--ssh-key", "k")


def test_a_path_of_another_machine_is_whole() -> None:
    with pytest.raises(InvalidInputError, match="data is no absolute path"):
        run("--data-dir", "data", "--ssh", "db1")
