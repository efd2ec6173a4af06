"""The root command: each command of `command_table` is imported when it is used.

``pgward --help`` imports click and nothing else of weight, so it answers at once.
"""

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from pgward import __version__
from pgward.command_table import COMMANDS, Entry
from pgward.core.errors import InvalidInputError, PgwardError
from pgward.system import output as outputs
from pgward.system.reporting import ensure

_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


class LazyGroup(click.Group):
    """A group whose commands are imported when one is called, not when help is shown."""

    def __init__(
        self, *args: Any, entries: Mapping[str, Entry], path: str = "", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._entries = entries
        self._path = path

    def entry(self, name: str) -> Entry:
        """Return a command's entry; KeyError when there is none."""
        return self._entries[name]

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the table."""
        return list(self._entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None when there is none of this name."""
        entry = self._entries.get(cmd_name)
        if entry is None:
            return None
        path = f"{self._path} {cmd_name}".strip()
        if entry.service and ctx.resilient_parsing:
            return ServiceWords(cmd_name, lambda: reporting(load(entry.target, cmd_name), path))
        if entry.children:
            return LazyGroup(
                cmd_name, entries=entry.children, path=path, help=_sentence(entry.help)
            )
        return reporting(load(entry.target, cmd_name), path)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name from the table, importing none; options as ever."""
        names = [
            CompletionItem(name, help=entry.help)
            for name, entry in self._entries.items()
            if name.startswith(incomplete) and not entry.alias
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that ``args`` begin with; UsageError names the nearest one."""
        if args[0] not in self._entries and args[0].isprintable() and args[0][:1] != "-":
            import difflib  # noqa: PLC0415 - only a mistyped name needs it

            near = difflib.get_close_matches(args[0], self._entries, 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise click.UsageError(f"no such command {args[0]!r}{meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the commands under the headings of their sections, importing none."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, entry in self._entries.items():
            if not entry.alias:
                sections.setdefault(entry.section or "Commands", []).append((name, entry.help))
        width = max(map(len, self._entries))
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows])


class ServiceWords(click.Command):
    """Stands for a command while words are completed: its first one is a service's name."""

    def __init__(self, name: str, real: Callable[[], click.Command]) -> None:
        words = click.Argument(
            ["words"], nargs=-1, type=click.UNPROCESSED, shell_complete=_complete_service
        )
        settings = {"ignore_unknown_options": True}
        super().__init__(name, params=[words], context_settings=settings, add_help_option=False)
        self._real = real

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete an option of the real command."""
        real = self._real()
        return real.shell_complete(click.Context(real, parent=ctx.parent), incomplete)


def _complete_service(
    ctx: click.Context,
    param: click.Parameter,  # noqa: ARG001 - click's signature
    incomplete: str,
) -> list[CompletionItem]:
    """Complete a service's name, from what is on this machine, as the first word."""
    from pgward.client.known import known_services  # noqa: PLC0415 - only when completing
    from pgward.system.paths import pgward_home  # noqa: PLC0415 - as above

    if any(not word.startswith("-") for word in ctx.params.get("words") or ()):
        return []
    names = known_services(pgward_home())
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


class RootGroup(LazyGroup):
    """The ``pgward`` command: reports every failure the same way and sets the exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line; exit 0, 1 failed, 2 usage, 3 denied, 4 login needed, 130 Ctrl-C."""
        extra["standalone_mode"] = False
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, **extra)
        words = sys.argv[1:] if args is None else list(args)
        try:
            code = super().main(args, prog_name, complete_var, **extra)
        except click.exceptions.NoArgsIsHelpError as mistake:
            mistake.show()
            sys.exit(mistake.exit_code)
        except (click.ClickException, click.Abort, PgwardError, OSError) as failure:
            _exit_reporting(failure, outputs.wanted(words, os.environ))
        sys.exit(code if isinstance(code, int) else 0)


# What these print is no document: another program's output, configuration to be used as it is, or
# what a server says as long as it runs.
NO_DOCUMENT = frozenset(
    {
        "psql",
        "hba generate",
        "ca serve",
        "edge serve",
        "connector serve",
        "connector set-up",
        "agent run",
        "demo",
        "completion",
        "man",
    }
)


def reporting(command: click.Command, path: str) -> click.Command:
    """Give a command, and those below it, ``--output`` where they have none of their own."""
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            reporting(child, f"{path} {name}")
    elif path not in NO_DOCUMENT:
        ensure(command)
    return command


def load(target: str, name: str) -> click.Command:
    """Import the command at ``module:attribute``.

    Raises PgwardError when a library of an optional part is not installed.
    """
    module, _, attribute = target.partition(":")
    try:
        command = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("pgward."):
            raise PgwardError(f"this version of pgward has no command {name!r}") from error
        raise PgwardError(
            f"pgward {name} needs the Python module {error.name!r}, which is not installed",
            hint="pip install 'pgward[server]'",
        ) from error
    if not isinstance(command, click.Command):
        raise TypeError(f"{target} is not a command")
    return command


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _usage_problem(mistake: click.UsageError) -> InvalidInputError:
    message = _plain(mistake.format_message().rstrip("."))
    path = mistake.ctx.command_path if mistake.ctx else "pgward"
    hint = f"{path} --help"
    if isinstance(mistake, click.BadParameter) and message.endswith("is not readable"):
        hint = "run this as the account that owns it; ls -ld tells which that is"
    return InvalidInputError(message[:1].lower() + message[1:], hint=hint)


def _plain(message: str) -> str:
    """Say what a number is in place of click's names for types ("a valid float range")."""
    for suffix in (" range", ""):
        message = message.replace(f"is not a valid integer{suffix}", "is no whole number")
        message = message.replace(f"is not a valid float{suffix}", "is no number")
    return message


def _os_problem(problem: OSError) -> PgwardError:
    if os.environ.get("PGWARD_DEBUG"):
        raise problem
    reason = (problem.strerror or str(problem)).lower()
    where = f"{problem.filename}: " if problem.filename else ""
    return PgwardError(f"{where}{reason}", hint="PGWARD_DEBUG=1 shows where this happened")


def _exit_reporting(failure: Exception, output: str) -> NoReturn:
    problem = _problem(failure)
    if problem is None:
        sys.exit(_INTERRUPTED)
    from pgward.system import terminal  # noqa: PLC0415 - only a failure needs it

    terminal.error(problem, output)
    sys.exit(problem.exit_code)


def _problem(failure: Exception) -> PgwardError | None:
    """Return a failure as one of our errors; None for Ctrl-C."""
    match failure:
        case PgwardError():
            return failure
        case click.UsageError():
            return _usage_problem(failure)
        case click.ClickException():
            return PgwardError(failure.format_message())
        case OSError():
            return _os_problem(failure)
    if isinstance(failure.__context__, EOFError):
        return PgwardError("the input ended before the answer")
    return None


@click.group(
    cls=RootGroup,
    entries=COMMANDS,
    context_settings={
        "auto_envvar_prefix": "PGWARD",
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
    },
)
@click.version_option(__version__, prog_name="pgward", message="%(prog)s %(version)s")
@click.option(*outputs.FLAGS, expose_value=False, **outputs.ATTRIBUTES)
def cli() -> None:
    """PostgreSQL access without shared passwords and without a VPN.

    \b
    First steps:
      pgward login --ca https://ca.example.com:8443 --fingerprint SHA256:…
      pgward services
      pgward psql SERVICE
    """  # noqa: D301 - \b is click's mark for lines to keep, not an escape in a raw string


def main() -> None:
    """Run the ``pgward`` command."""
    cli(prog_name="pgward")
