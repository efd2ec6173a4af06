import json

import pytest
from click.testing import CliRunner

from pgward.ca.ceremony import commands as ceremony_commands
from pgward.ca.ceremony import init_commands
from pgward.core.errors import InvalidInputError, PgwardError


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    directory = tmp_path_factory.mktemp("made") / "ca"
    arguments = ["--listen", "127.0.0.1:0", "--admin-password-file", "-", "-o", "json"]
    done = CliRunner().invoke(
        init_commands.init, [str(directory), *arguments], "correct horse battery\n"
    )
    return directory, json.loads(done.stdout)["transcript_sha256"]


def verify(*arguments):
    done = CliRunner().invoke(ceremony_commands.verify, [str(each) for each in arguments])
    if isinstance(done.exception, Exception):
        raise done.exception
    return done


def test_the_directory_is_the_one_of_the_file(made):
    directory, seal = made
    done = verify(directory / "ceremony.txt", "--sha256", seal.upper())
    assert "user-root is as the profile says, and signed rightly" in done.stdout
    assert f"sealed {seal}" in done.stderr


def test_findings_are_data_as_well(made):
    rows = json.loads(verify(made[0] / "ceremony.txt", "-o", "json").stdout)
    assert {row["outcome"] for row in rows} == {"ok"}


def test_another_seal_is_told(made):
    with pytest.raises(PgwardError, match="another transcript than the one"):
        verify(made[0] / "ceremony.txt", "--sha256", "0" * 64)


def test_what_is_wrong_is_counted(made, tmp_path):
    with pytest.raises(PgwardError, match=r"\d+ of \d+ checks failed"):
        verify(made[0] / "ceremony.txt", "--directory", tmp_path)


def test_a_file_that_is_none_is_told(tmp_path):
    with pytest.raises(InvalidInputError, match="no such file"):
        verify(tmp_path / "nothing")
