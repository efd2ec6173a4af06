from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pgward.core.errors import InvalidInputError
from pgward.hba.machine_options import MACHINE_NAMES, MACHINE_OPTIONS, machine

PATH = click.option("--data-dir", type=click.Path(path_type=Path))


def look(**chosen: object) -> None:
    click.echo(type(machine(chosen, "data_dir")).__name__)


def run(*words: object) -> str:
    decorated = look
    for option in (PATH, *MACHINE_OPTIONS):
        decorated = option(decorated)
    result = CliRunner().invoke(click.command(decorated), list(map(str, words)))
    if result.exception is not None:
        raise result.exception
    return result.output.strip()


def test_this_machine() -> None:
    assert run("--data-dir", "data") == "LocalAccess"
    assert MACHINE_NAMES == ("ssh", "ssh_key", "known_hosts")


@pytest.mark.integration
def test_another_machine(sshd) -> None:
    assert run("--data-dir", "/data", *sshd.options) == "SshAccess"


def test_a_key_for_no_connection() -> None:
    with pytest.raises(InvalidInputError, match="go with --ssh"):
        run("--ssh-key", "k")


def test_a_path_of_another_machine_is_whole() -> None:
    with pytest.raises(InvalidInputError, match="data is no absolute path"):
        run("--data-dir", "data", "--ssh", "db1")
