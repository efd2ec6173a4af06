import json

import click
import pytest
from click.testing import CliRunner

from pgward.cli import RootGroup
from pgward.command_table import Entry
from pgward.core.errors import InvalidInputError
from pgward.system import output, reporting, terminal


@click.command()
@click.argument("name")
def act(name: str) -> None:
    if name == "early":
        terminal.note("an earlier run was undone first")
        raise InvalidInputError("no")
    terminal.report(name=name)
    terminal.count(revoked=1)
    terminal.count(revoked=2)
    terminal.echo("hunter2", fact="password")
    terminal.echo("a line")
    terminal.add("removed", 1)
    terminal.add("removed", 2, "2 is removed")
    terminal.note("it is\ndone")
    if name == "bad":
        raise InvalidInputError("no", where="here", hint="try")
    if name == "asks":
        terminal.prompt("type this code: 7")
    if name == "exit":
        raise SystemExit(3)
    if name == "runs":
        reporting.finish()
        terminal.note("and goes on")


@pytest.fixture
def run(monkeypatch):
    made = click.Command("act", params=list(act.params), callback=act.callback)
    monkeypatch.setattr("pgward.cli.load", lambda _target, _name: made)
    root = RootGroup(
        "pgward",
        entries={"act": Entry("act", "x:y"), "psql": Entry("p", "x:y")},
        params=[click.Option(output.FLAGS, expose_value=False, **output.ATTRIBUTES)],
        context_settings={"auto_envvar_prefix": "PGWARD"},
    )
    return lambda *words, **env: CliRunner().invoke(root, list(words), env=env)


DOCUMENT = {
    "command": "act",
    "name": "x",
    "revoked": 3,
    "password": "hunter2",
    "removed": [1, 2],
    "lines": ["a line"],
    "messages": ["it is\ndone"],
}


@pytest.mark.parametrize(
    ("words", "env"),
    [
        (("act", "x", "-o", "json"), {}),
        (("act", "--output=json", "x"), {}),
        (("--output", "json", "act", "x"), {}),
        (("act", "x"), {"PGWARD_OUTPUT": "json"}),
        (("--output", "table", "act", "x", "-ojson"), {"PGWARD_OUTPUT": "yaml"}),
    ],
)
def test_a_command_that_shows_nothing_prints_one_document(run, words, env):
    result = run(*words, **env)
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == DOCUMENT


def test_as_yaml(run):
    assert run("act", "x", "-o", "yaml").stdout.startswith("command: act\nname: x\n")


def test_without_it_all_is_said_as_ever(run):
    result = run("act", "x")
    assert (result.stdout, result.stderr) == ("hunter2\na line\n2 is removed\n", "it is\ndone\n")


def test_an_error_is_an_object_on_stderr(run):
    result = run("act", "bad", "-o", "json")
    assert result.exit_code == 2
    assert json.loads(result.stderr) == {
        "error": {
            "code": "invalid",
            "message": "here: no",
            "hint": "try",
            "where": "here",
            "exit_code": 2,
        }
    }
    result = run("act", "bad", "-o", "yaml")
    assert result.stderr.startswith("error:\n  code: invalid\n")


def test_what_was_done_before_a_failure_is_told(run):
    assert json.loads(run("act", "bad", "-o", "json").stdout)["removed"] == [1, 2]


def test_what_has_done_nothing_prints_no_document_when_it_fails(run):
    result = run("act", "early", "-o", "json")
    note, error = map(json.loads, result.stderr.splitlines())
    assert (result.exit_code, result.stdout) == (2, "")
    assert note == {"note": "an earlier run was undone first"}
    assert error["error"]["message"] == "no"
    assert run("act", "early", "-o", "yaml").stderr.startswith("an earlier run was undone first\n")


def test_what_a_person_must_do_is_said_at_once(run):
    result = run("act", "asks", "-o", "json")
    assert json.loads(result.stderr) == {"note": "type this code: 7"}
    assert "type" not in result.stdout
    assert run("act", "asks").stderr == "it is\ndone\ntype this code: 7\n"


def test_so_is_one_of_a_line_that_cannot_be_read(run):
    result = run("act", "--bogus", "-o", "json")
    assert json.loads(result.stderr)["error"]["hint"] == "pgward act --help"
    result = run("--output", "json", "nothing")
    assert json.loads(result.stderr)["error"]["code"] == "invalid"


def test_a_status_of_its_own_stays(run):
    result = run("act", "exit", "-o", "json")
    assert (result.exit_code, json.loads(result.stdout)["name"]) == (3, "exit")


def test_one_that_goes_on_prints_when_it_is_ready(run):
    result = run("act", "runs", "-o", "json")
    assert json.loads(result.stdout)["name"] == "runs"
    assert json.loads(result.stderr) == {"note": "and goes on"}


def test_a_form_that_is_none(run):
    assert run("act", "x", "-o", "xml").exit_code == 2
    assert run("act", "x", PGWARD_OUTPUT="xml").exit_code == 2
