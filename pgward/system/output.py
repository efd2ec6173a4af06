"""In which form a command shows what it has: a table, JSON or YAML; light, for every command.

``-o/--output`` stands behind any command, or before the first (``pgward --output json whoami``);
``PGWARD_OUTPUT`` says it for all. A command that shows something takes ``output`` itself; of any
other, ``pgward.system.reporting`` makes one that prints a document.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

OUTPUTS = ("table", "json", "yaml")
_CHOSEN = "pgward.system.output.chosen"
RESULT = "pgward.system.output.result"
"""Where in a context's ``meta`` its Result is."""


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
    found = None if context is None else context.meta.get(RESULT)
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
