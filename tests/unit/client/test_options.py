import re

import click
import pytest
from click.testing import CliRunner

from pgward.client import options
from pgward.client.options import PasswordSource
from pgward.core.errors import InvalidInputError, LoginNeededError
from pgward.system.files import StorageError


def test_a_password_from_standard_input(monkeypatch):
    monkeypatch.setattr("pgward.system.terminal.read_stdin_line", lambda: "first line")
    assert PasswordSource(stdin=True, file=None).read("x") == "first line"


@pytest.mark.parametrize(
    ("content", "password"), [(b"one\ntwo\n", "one"), (b" a b \r\n", " a b "), ("é".encode(), "é")]
)
def test_a_password_from_a_file(tmp_path, content, password):
    (tmp_path / "p").write_bytes(content)
    assert PasswordSource(stdin=False, file=tmp_path / "p").read("x") == password


@pytest.mark.parametrize("content", [b"", b"\nsecond\n", b"\xff\n"])
def test_a_file_without_a_password(tmp_path, content):
    (tmp_path / "p").write_bytes(content)
    with pytest.raises(InvalidInputError, match="its first line is no password"):
        PasswordSource(stdin=False, file=tmp_path / "p").read("x")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(StorageError, match="cannot read"):
        PasswordSource(stdin=False, file=tmp_path / "p").read("x")


def test_a_new_password_is_asked_for_twice(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "pgward.system.terminal.ask_password",
        lambda label, *, confirm: asked.append((label, confirm)) or "typed",
    )
    source = PasswordSource(stdin=False, file=None)
    assert (source.read("Old"), source.read("New", new=True)) == ("typed", "typed")
    assert asked == [("Old", False), ("New", True)]


def test_two_sources_exclude_each_other(tmp_path):
    with pytest.raises(InvalidInputError, match="exclude each other"):
        PasswordSource(stdin=True, file=tmp_path)


def test_no_environment_variable_turns_a_password_on():
    @click.command(context_settings={"auto_envvar_prefix": "PGWARD"})
    @options.password
    def command(password_source: PasswordSource) -> None:
        click.echo(password_source.given)

    result = CliRunner().invoke(command, env={"PGWARD_PASSWORD_STDIN": "1"})
    assert result.output == "False\n"


def test_generated_passwords_are_long_and_differ():
    one, two = options.generate_password(), options.generate_password()
    assert re.fullmatch(r"[A-Za-z0-9_-]{24}", one)
    assert one != two


def test_paths_are_escaped():
    assert options.path("users", "a/b c@d", "block") == "/v1/users/a%2Fb%20c%40d/block"


def test_a_session_needs_a_login(monkeypatch, tmp_path):
    monkeypatch.setenv("PGWARD_HOME", str(tmp_path))
    with pytest.raises(LoginNeededError), options.session():
        pass
    with pytest.raises(LoginNeededError), options.api():
        pass


def test_ones_own_and_anothers():
    assert options.of_person(None, "devices", "d1") == "/v1/me/devices/d1"
    assert options.of_person("bob", "devices") == "/v1/users/bob/devices"
    with pytest.raises(InvalidInputError):
        options.of_person("b/b", "devices")


@pytest.mark.parametrize(
    ("reply", "text"), [({"revoked": 1}, "1 certificate"), ({}, "0 certificates")]
)
def test_how_many_were_revoked(reply, text):
    assert options.revoked(reply) == f"{text} revoked"
