import os
import subprocess
import sys
from importlib.util import find_spec

import click
import pytest
from click.testing import CliRunner

from pgward import cli as cli_module
from pgward.cli import NO_DOCUMENT, RootGroup, cli
from pgward.command_table import COMMANDS, Entry
from pgward.core.errors import DeniedError, LoginNeededError, PgwardError
from pgward.system.reporting import takes_output

_HEAVY = (
    "asyncio",
    "cryptography",
    "httpx2",
    "joserfc",
    "keyring",
    "psutil",
    "rich",
    "yaml",
    "ssl",
)


def run(*args: str, **env: str):
    return CliRunner().invoke(cli, list(args), prog_name="pgward", env=env)


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> RootGroup:
    @click.command()
    def boom() -> None:
        raise error

    monkeypatch.setattr(cli_module, "load", lambda _target, _name: boom)
    return RootGroup("pgward", entries={"boom": Entry("fail", "x:y")})


def test_help_imports_nothing_heavy():
    program = (
        "import sys\nfrom pgward.cli import cli\n"
        "try: cli(['--help'])\nexcept SystemExit: pass\n"
        f"print([name for name in {_HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.splitlines()[-1] == b"[]"


def test_help_lists_every_command_under_a_heading():
    result = run("--help")
    assert result.exit_code == 0
    for name, entry in COMMANDS.items():
        assert entry.alias or f"\n  {name}" in result.stdout
        assert entry.section in result.stdout


@pytest.mark.parametrize("group", ["ca", "edge", "hba"])
def test_a_groups_help_lists_its_commands_without_importing_them(group):
    result = run(group, "--help")
    assert result.exit_code == 0
    for name in COMMANDS[group].children:
        assert f"\n  {name}" in result.stdout


def test_no_command_shows_the_help_as_a_usage_error():
    result = run()
    assert (result.exit_code, result.stdout) == (2, "")
    assert "pgward login --ca" in result.stderr


def test_version():
    assert run("--version").stdout == "pgward 0.1.0\n"


def test_unknown_command():
    result = run("frobnicate")
    assert result.exit_code == 2
    assert result.stderr == "pgward: no such command 'frobnicate'\nhint: pgward --help\n"


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (("sessions", "play", "x", "--speed", "fast"), "'--speed': 'fast' is no number"),
        (("audit", "search", "--limit", "many"), "'--limit': 'many' is no whole number"),
    ],
)
def test_what_is_no_number_is_told_in_plain_words(args, what):
    result = run(*args)
    assert result.stderr.startswith(f"pgward: invalid value for {what}\nhint: pgward {args[0]} ")


def test_a_missing_module_breaks_only_its_own_command(monkeypatch):
    monkeypatch.setattr(cli_module, "COMMANDS", {})
    group = RootGroup("pgward", entries={"gone": Entry("x", "pgward.gone:gone")})
    result = CliRunner().invoke(group, ["gone"])
    assert result.exit_code == 1
    assert result.stderr == "pgward: this version of pgward has no command 'gone'\n"


def test_a_missing_library_names_the_extra():
    group = RootGroup("pgward", entries={"serve": Entry("x", "no_such_library_here:serve")})
    result = CliRunner().invoke(group, ["serve"])
    assert result.stderr == (
        "pgward: pgward serve needs the Python module 'no_such_library_here', "
        "which is not installed\nhint: pip install 'pgward[server]'\n"
    )


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (PgwardError("it broke", hint="mend it"), 1, "pgward: it broke\nhint: mend it\n"),
        (DeniedError("not for you"), 3, "pgward: not for you\n"),
        (LoginNeededError(), 4, "pgward: you are not logged in\nhint: pgward login\n"),
        (click.UsageError("Bad thing."), 2, "pgward: bad thing\nhint: pgward boom --help\n"),
        (click.ClickException("odd"), 1, "pgward: odd\n"),
        (
            PermissionError(13, "Permission denied", "/x"),
            1,
            "pgward: /x: permission denied\nhint: PGWARD_DEBUG=1 shows where this happened\n",
        ),
    ],
)
def test_failures_print_message_hint_and_exit_code(monkeypatch, error, code, text):
    result = CliRunner().invoke(raising(monkeypatch, error), ["boom"], prog_name="pgward")
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", text)


def test_a_file_of_another_account_is_told_apart_from_a_mistyped_option(monkeypatch, tmp_path):
    monkeypatch.setattr("os.access", lambda *_, **__: False)
    result = CliRunner().invoke(cli, ["ca", "serve", str(tmp_path)])
    assert result.exit_code == 2
    assert "is not readable" in result.output
    assert "hint: run this as the account that owns it" in result.output


def test_an_interrupt_is_quiet(monkeypatch):
    result = CliRunner().invoke(raising(monkeypatch, KeyboardInterrupt()), ["boom"])
    assert (result.exit_code, result.output.strip()) == (130, "")


def test_the_end_of_input_is_a_failure_not_an_interrupt(monkeypatch):
    result = CliRunner().invoke(raising(monkeypatch, EOFError()), ["boom"])
    assert result.exit_code == 1
    assert "the input ended before the answer" in result.stderr


def test_debugging_shows_where_an_os_error_came_from(monkeypatch):
    monkeypatch.setenv("PGWARD_DEBUG", "1")
    result = CliRunner().invoke(raising(monkeypatch, FileNotFoundError(2, "no", "/y")), ["boom"])
    assert isinstance(result.exception, FileNotFoundError)


def test_a_peers_message_cannot_move_the_cursor(monkeypatch):
    error = PgwardError("evil \x1b[2J\u202e text")
    result = CliRunner().invoke(raising(monkeypatch, error), ["boom"])
    assert result.stderr == "pgward: evil \\x1b[2J\\u202e text\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["servces"], "no such command 'servces'; did you mean services?"),
        (["hba", "aply"], "no such command 'aply'; did you mean apply?"),
    ],
)
def test_a_mistyped_command_is_told_the_nearest(words, message):
    result = run(*words)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"pgward: {message}\n")


def test_embedded_use_gets_the_exception(monkeypatch):
    with pytest.raises(DeniedError):
        raising(monkeypatch, DeniedError("no")).main(["boom"], standalone_mode=False)


def targets(entries=COMMANDS):
    for name, entry in entries.items():
        yield from targets(entry.children) if entry.children else [(name, entry)]


@pytest.mark.parametrize(("name", "entry"), list(targets()))
def test_every_command_of_the_table_is_there(name, entry):
    package, _, _module = entry.target.partition(":")[0].rpartition(".")
    if find_spec(package) is None or find_spec(entry.target.partition(":")[0]) is None:
        pytest.skip("this part is not installed")
    command = cli_module.load(entry.target, name)
    assert command.help
    assert command.help.partition("\n")[0].endswith((".", ":", ","))


def test_a_table_entry_that_is_no_command_is_a_mistake():
    with pytest.raises(TypeError, match="is not a command"):
        cli_module.load("pgward.cli:main", "main")


def leaves(group=cli, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield " ".join((*path, name)), command


def test_every_command_takes_output_but_for_those_that_cannot():
    without = {path for path, command in leaves() if not takes_output(command)}
    assert without <= NO_DOCUMENT, "give it --output, or say in NO_DOCUMENT why it cannot"


def test_no_command_prints_a_document_and_stands_among_the_exceptions():
    known = dict(leaves())
    assert [path for path in NO_DOCUMENT if path in known and takes_output(known[path])] == []


def complete(*words: str, home: str = "/nowhere") -> list[str]:
    """The words that a shell would be offered for the last of these."""
    env = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    env |= {"_PGWARD_COMPLETE": "bash_complete", "PGWARD_HOME": home}
    result = CliRunner().invoke(cli, [], prog_name="pgward", env=env)
    return [line.partition(",")[2] for line in result.stdout.splitlines() if line]


def test_commands_and_options_are_completed_without_an_import(monkeypatch):
    monkeypatch.setattr(cli_module, "load", lambda *_: pytest.fail("imported"))
    assert complete("pgward", "dis") == ["disconnect"]
    assert complete("pgward", "ca", "cr") == ["crl"]
    assert complete("pgward", "--out") == ["--output"]


def test_services_are_completed_from_what_is_known_here(tmp_path, monkeypatch):
    (tmp_path / "services.json").write_text('{"services": [{"name": "shop"}, {"name": "s2"}]}')
    home = str(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(cli_module, "load", lambda *_: pytest.fail("imported"))
        assert complete("pgward", "psql", "s", home=home) == ["s2", "shop"]
        assert complete("pgward", "psql", "shop", "s", home=home) == []
        assert complete("pgward", "doctor", "--seconds", "sh", home=home) == ["shop"]
    assert complete("pgward", "psql", "--no-a", home=home) == ["--no-agent"]


def test_completing_imports_nothing_heavy(tmp_path):
    program = (
        "import sys\nfrom pgward.cli import cli\n"
        "try: cli(prog_name='pgward')\nexcept SystemExit: pass\n"
        f"print([name for name in {_HEAVY!r} if name in sys.modules])"
    )
    env = {"COMP_WORDS": "pgward psql s", "COMP_CWORD": "2", "PGWARD_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **env, "_PGWARD_COMPLETE": "bash_complete"},
        capture_output=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == b"[]"
