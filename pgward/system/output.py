"""In which form a command shows what it has: a table, JSON or YAML; light, for every command.

``-o/--output`` stands behind any command, or before the first (``pgward --output json whoami``);
``PGWARD_OUTPUT`` says it for all. A command that shows something takes ``output`` itself. Of any
other, ``ensure`` makes one that prints a single document when it has done its work: what it
reported, and what it would have said to a person.
"""

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from pgward.system.documents import written

OUTPUTS = ("table", "json", "yaml")
_CHOSEN = "pgward.system.output.chosen"
_RESULT = "pgward.system.output.result"


def chosen() -> str:
    """Return the form that the command under way was told to use."""
    context = click.get_current_context(silent=True)
    return "table" if context is None else str(context.meta.get(_CHOSEN) or "table")


@dataclass
class Result:
    """What a command reports: facts, lines of data, and words to a person."""

    command: str
    facts: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    shown: bool = False

    def document(self) -> dict[str, Any]:
        """Return it as one object."""
        lines = {"lines": self.lines} if self.lines else {}
        return {"command": self.command, **self.facts, **lines, "messages": self.messages}


def result() -> Result | None:
    """Return where the command under way reports; None when it writes to the terminal."""
    context = click.get_current_context(silent=True)
    found = None if context is None else context.meta.get(_RESULT)
    return found if isinstance(found, Result) and not found.shown else None


def _choose(context: click.Context, _param: click.Parameter, value: str | None) -> str:
    # Without the root command before it, as in another program, the variable still counts.
    form = value or str(context.meta.get(_CHOSEN) or wanted((), os.environ))
    context.meta[_CHOSEN] = form
    return form


# Of ``-o/--output``; what is not said behind a command is what was said before it, else a table.
ATTRIBUTES: Mapping[str, Any] = {
    "type": click.Choice(OUTPUTS),
    "default": None,
    "callback": _choose,
    "help": "How to show it.  [default: table]",
}
FLAGS = ("-o", "--output")
option = click.option(*FLAGS, **ATTRIBUTES)


def takes_output(command: click.Command) -> bool:
    """Tell whether a command has the option."""
    return any("--output" in param.opts for param in command.params)


def ensure(command: click.Command) -> click.Command:
    """Give a command that shows nothing the option, and a document to print in the end."""
    if takes_output(command) or command.callback is None:
        return command
    command.params.append(click.Option(FLAGS, expose_value=False, **ATTRIBUTES))
    command.callback = _reporting(command.callback)
    return command


def _reporting(callback: Any) -> Any:
    @functools.wraps(callback)
    def run(*args: Any, **kwargs: Any) -> Any:
        if chosen() == "table":
            return callback(*args, **kwargs)
        context = click.get_current_context()
        context.meta[_RESULT] = Result(context.command_path.partition(" ")[2])
        try:
            returned = callback(*args, **kwargs)
        except SystemExit:  # it has said all; the status alone tells more
            finish()
            raise
        except BaseException:  # also Ctrl-C: what was done until then is told, and then why no more
            _finish_failed()
            raise
        finish()
        return returned

    return run


def finish() -> None:
    """Print the document of the command under way, if it reports one and has not printed it."""
    reported = result()
    if reported is not None:
        reported.shown = True
        click.echo(written(reported.document(), chosen()))


def _finish_failed() -> None:
    """Print the document of a command that failed part-way, if it has done anything.

    Of one that has done nothing, what it would have said comes before the error.
    """
    reported = result()
    if reported is None or reported.facts or reported.lines:
        finish()
        return
    from pgward.system import terminal  # noqa: PLC0415 - it imports this module

    for text in reported.messages:
        terminal.prompt(text)


def wanted(words: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return the form that a command line asks for, also one that could not be read."""
    form = environ.get("PGWARD_OUTPUT", "table")
    words = list(words)
    if "--" in words:
        words = words[: words.index("--")]
    for word, following in zip(words, [*words[1:], ""], strict=False):
        if word in FLAGS:
            form = following
        elif word.startswith("--output="):
            form = word.partition("=")[2]
        elif word.startswith("-o") and not word.startswith("--"):
            form = word[2:]
    return form if form in OUTPUTS else "table"


def error(problem: Any) -> dict[str, Any]:
    """Return the object that stands for one of our errors."""
    return {
        "error": {
            "code": problem.code,
            "message": problem.message,
            "hint": problem.hint,
            "where": getattr(problem, "where", None),
            "exit_code": problem.exit_code,
        }
    }
