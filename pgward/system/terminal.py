"""The one module that writes to a person: data on stdout, talk on stderr.

Tone: lower case, no full stop, the error and then its hint. Nothing that a peer or a
database named may move the cursor, colour the screen or reorder text: it is cleaned first.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from pgward.core.errors import InvalidInputError, PgwardError
from pgward.system import output as outputs
from pgward.system.documents import plain, to_yaml, written
from pgward.system.safe_text import clean as clean  # noqa: PLC0414 - a part of what this offers

_MAX_LINE = 64 * 1024


def echo(text: str = "", *, fact: str | None = None) -> None:
    """Write data to stdout, as it is.

    In the document of a command it is the ``fact`` of that name, else one of its lines.
    """
    reported = outputs.result()
    if reported is None:
        click.echo(text)
    elif fact is not None:
        reported.facts[fact] = text
    else:
        reported.lines.append(text)


def report(**facts: Any) -> None:
    """Put facts into the document that a command prints under JSON and YAML."""
    reported = outputs.result()
    if reported is not None:
        reported.facts |= facts


def note(text: str) -> None:
    """Say something to the person, on stderr; line breaks stay, other controls do not."""
    reported = outputs.result()
    if reported is not None:
        reported.messages.append(text)
    else:
        prompt(text)


def prompt(text: str) -> None:
    """Tell a person what to do before the command goes on: on stderr and at once, in any form."""
    if outputs.chosen() == "json":
        click.echo(json.dumps({"note": text}), err=True)
    else:
        click.echo("\n".join(clean(line) for line in text.split("\n")), err=True)


def error(problem: PgwardError, output: str | None = None) -> None:
    """Report a failure: ``pgward: message``, then ``hint: what to do``; or an object.

    In the form ``output``, else in that of the command under way.
    """
    output = output or outputs.chosen()
    if output != "table":
        told = outputs.error(problem)
        click.echo(json.dumps(told) if output == "json" else to_yaml(told), err=True)
        return
    _labelled("pgward:", problem.message, "red")
    if problem.hint:
        _labelled("hint:", problem.hint, "cyan")


def add(fact: str, value: Any, text: str | None = None) -> None:
    """Put one more value into a list of the document; with no document, write ``text``."""
    reported = outputs.result()
    if reported is not None:
        reported.facts.setdefault(fact, []).append(value)
    elif text is not None:
        click.echo(text)


def count(**more: int) -> None:
    """Add to numbers of the document that a command prints."""
    reported = outputs.result()
    if reported is not None:
        for fact, number in more.items():
            reported.facts[fact] = reported.facts.get(fact, 0) + number


_MARKS = {"ok": "green", "warn": "yellow", "fail": "red", "skip": "bright_black"}


def mark(status: str) -> str:
    """Return ``ok``, ``warn``, ``fail`` or ``skip`` as a word of four letters, in its colour."""
    word = f"{status:<4}"
    return click.style(word, fg=_MARKS[status]) if _colours(sys.stdout) else word


def coloured(text: str, colour: str | None) -> str:
    """Return a safe line in a colour, where standard output shows any."""
    safe = clean(text)
    return click.style(safe, fg=colour) if colour and _colours(sys.stdout) else safe


def _labelled(label: str, text: str, colour: str) -> None:
    lines = [clean(line) for line in text.split("\n")]
    shown = click.style(label, fg=colour, bold=True) if _colours(sys.stderr) else label
    click.echo(f"{shown} " + "\n  ".join(lines), err=True)


def _colours(stream: Any) -> bool:
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR")


def interactive() -> bool:
    """Tell whether a person can be asked: stdin and stderr are terminals."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask_password(label: str, *, confirm: bool = False) -> str:
    """Ask for a password without showing it, twice when it is new."""
    if not interactive():
        raise InvalidInputError(
            "a password is needed and there is no terminal to ask on",
            hint="use --password-stdin or --password-file",
        )
    return str(click.prompt(label, hide_input=True, confirmation_prompt=confirm, err=True))


def ask(label: str) -> str:
    """Ask for one line of text; raise InvalidInputError where nobody can be asked."""
    if not interactive():
        raise InvalidInputError(
            f"{label[:1].lower()}{label[1:]} is asked for, and there is no terminal to ask on",
            hint="run this on a terminal",
        )
    return str(click.prompt(label, default="", show_default=False, err=True))


def confirm(question: str) -> bool:
    """Ask yes or no, on a terminal only; elsewhere the answer is no."""
    return interactive() and click.confirm(question, err=True)


def read_stdin_line() -> str:
    """Return the first line of stdin without its line end; raise when there is none."""
    try:
        line = sys.stdin.readline(_MAX_LINE).rstrip("\r\n")
        line.encode()  # what is not UTF-8 may come as surrogates, which no peer takes
    except UnicodeError:
        raise InvalidInputError("the first line of stdin is not UTF-8") from None
    if not line:
        raise InvalidInputError("stdin has no first line", hint="printf '%s\\n' … | pgward …")
    return line


def table(
    rows: Sequence[Mapping[str, Any]],
    columns: Mapping[str, str] | Sequence[str],
    output: str = "table",
    *,
    empty: str = "nothing to show",
) -> None:
    """Show ``rows``: all their fields as JSON or YAML, or the ``columns`` as a table.

    ``columns`` maps a row's key to its title; a sequence of keys is its own titles.
    An empty table says ``empty`` on stderr, so that a pipe gets nothing.
    """
    if output != "table":
        structured(list(rows), output)
        return
    if not rows:
        note(empty)
        return
    titles = dict(columns) if isinstance(columns, Mapping) else {key: key for key in columns}
    cells = [[cell(row.get(key)) for key in titles] for row in rows]
    _write_table(list(titles.values()), cells)


def record(
    value: Mapping[str, Any], titles: Mapping[str, str] | None = None, output: str = "table"
) -> None:
    """Show one object: whole as JSON or YAML, or its titled fields one a line."""
    if output != "table":
        structured(dict(value), output)
        return
    shown = titles or {key: key for key in value}
    width = max(map(len, shown.values()), default=0)
    for key, title in shown.items():
        echo(f"{title:<{width}}  {cell(value.get(key))}".rstrip())


def structured(value: Any, output: str) -> None:
    """Write ``value`` to stdout as ``json`` or ``yaml``; times become RFC 3339."""
    click.echo(written(value, output))


def documents(values: Sequence[Any]) -> None:
    """Write each value as a YAML document of its own, as `pgward apply` reads them."""
    for number, value in enumerate(values):
        if number:
            echo("---")
        echo(to_yaml(value))


def cell(value: Any) -> str:
    """Return ``value`` as one safe line: lists joined by commas, yes or no, ``-`` for nothing."""
    if value is None or value in ("", [], ()):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(cell(item) for item in value)
    return clean(str(plain(value)))


def _write_table(titles: list[str], rows: list[list[str]]) -> None:
    if sys.stdout.isatty():
        _rich_table(titles, rows)
        return
    widths = [max(len(line[i]) for line in [titles, *rows]) for i in range(len(titles))]
    for line in [titles, *rows]:
        padded = "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True))
        echo(padded.rstrip())


def _rich_table(titles: list[str], rows: list[list[str]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - slow, and only for a terminal
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    view = Table(box=None, pad_edge=False, header_style="bold" if _colours(sys.stdout) else "")
    for title in titles:
        # An id is there to be copied.
        view.add_column(title, overflow="fold", no_wrap=title == "ID")
    for row in rows:
        view.add_row(*(Text(text) for text in row))  # Text: no markup is read in cells
    Console(highlight=False).print(view)
