"""Manual pages from the commands themselves: pgward(1), pgward-login(1) and so on."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from pgward import __version__
from pgward.shell import roff
from pgward.system.files import atomic_write, storage_errors

_PUBLIC = 0o644
_EXIT = """.SH EXIT STATUS
.TP
.B 0
done
.TP
.B 1
failed
.TP
.B 2
wrong usage or input
.TP
.B 3
denied
.TP
.B 4
log in first
.TP
.B 130
ended by Ctrl\\-C"""
_ENVIRONMENT = """.SH ENVIRONMENT
.TP
.B PGWARD_HOME
the directory of all your files
.TP
.B PGWARD_OUTPUT
.BR table ,
.BR json
or
.BR yaml
.PP
Every option can be set by a variable: PGWARD_, the command, the option."""


def write(root: click.Command, directory: Path) -> int:
    """Write all pages below ``directory/man1``; return how many."""
    place = directory / "man1"
    with storage_errors(place, "create"):
        place.mkdir(parents=True, exist_ok=True)
    count = 0
    for name, text in pages(root):
        atomic_write(place / f"{name}.1", text.encode(), _PUBLIC)
        count += 1
    return count


def pages(root: click.Command) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each page, those of groups and of what is in them."""
    yield from _below(click.Context(root, info_name="pgward", **root.context_settings), "")


def _below(context: click.Context, short: str) -> Iterator[tuple[str, str]]:
    command = context.command
    name = context.command_path.replace(" ", "-")
    children = list(_children(context))
    yield name, page(context, short or command.get_short_help_str(200), children)
    for child, child_short in children:
        yield from _below(child, child_short)


def _children(context: click.Context) -> Iterator[tuple[click.Context, str]]:
    group = context.command
    if not isinstance(group, click.Group):
        return
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        child = click.Context(command, info_name=name, parent=context)
        yield child, command.get_short_help_str(200)


def page(context: click.Context, short: str, children: list[tuple[click.Context, str]]) -> str:
    """Return one page."""
    command, path = context.command, context.command_path
    name = path.replace(" ", "-")
    manual = roff.quote(f"pgward {__version__}")
    parts = [
        f'.TH {roff.quote(name.upper())} 1 "" {manual} "pgward manual"\n.ad l',
        f".SH NAME\n{roff.escape(name)} \\- {roff.escape(short.rstrip('.'))}",
        f".SH SYNOPSIS\n.B {roff.escape(path)}\n{roff.escape(' '.join(_usage(context)))}",
        f".SH DESCRIPTION\n{roff.paragraphs(inspect.cleandoc(command.help or short))}",
    ]
    params = [each for each in command.get_params(context) if isinstance(each, click.Option)]
    options = [record for each in params if (record := each.get_help_record(context))]
    if options:
        parts.append(".SH OPTIONS\n" + "\n".join(_item(*row) for row in options))
    if children:
        parts.append(
            ".SH COMMANDS\n"
            + "\n".join(
                f".TP\n.BR {roff.escape(child.command_path.replace(' ', '-'))} (1)\n"
                f"{roff.escape(text)}"
                for child, text in children
            )
        )
    parts += [_EXIT, _ENVIRONMENT, *_see_also(context)]
    return "\n".join(parts) + "\n"


def _usage(context: click.Context) -> list[str]:
    return context.command.collect_usage_pieces(context)


def _item(term: str, text: str) -> str:
    return f".TP\n.B {roff.escape(term)}\n{roff.escape(' '.join(text.split()))}"


def _see_also(context: click.Context) -> list[str]:
    if context.parent is None:
        return []
    name = context.parent.command_path.replace(" ", "-")
    return [f".SH SEE ALSO\n.BR {roff.escape(name)} (1)"]
