"""Write the manual pages, and the commands' part of docs/reference/cli.md between its markers.

Usage: .venv/bin/python tools/write_cli_reference.py [--check]
"""

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import click

from pgward.cli import LazyGroup, cli
from pgward.command_table import COMMANDS
from pgward.shell import pages

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "cli.md"
MANUAL = Path(__file__).parents[1] / "man" / "man1"
WIDTH = 78  # whatever the terminal of whoever runs this
BEGIN, END = "<!-- commands: begin (tools/write_cli_reference.py) -->", "<!-- commands: end -->"


def main() -> None:
    """Rewrite page and manual, or with --check exit 1 when that would change them."""
    old = PAGE.read_text(encoding="utf-8")
    before, _, rest = old.partition(BEGIN)
    _, _, after = rest.partition(END)
    new = f"{before}{BEGIN}\n\n{''.join(sections())}{END}{after}"
    manual = {f"{name}.1": text for name, text in pages.pages(cli)}
    there = {path.name: path.read_text(encoding="utf-8") for path in MANUAL.glob("*.1")}
    if "--check" in sys.argv[1:]:
        sys.exit(0 if (new, manual) == (old, there) else f"out of date: run {sys.argv[0]}")
    PAGE.write_text(new, encoding="utf-8")
    for name in there.keys() - manual.keys():
        (MANUAL / name).unlink()
    pages.write(cli, MANUAL.parent)


def sections() -> Iterator[str]:
    """Yield the commands by the headings of `pgward --help`."""
    root = click.Context(
        cli, info_name="pgward", **cli.context_settings | {"terminal_width": WIDTH}
    )
    heading = ""
    for name, entry in COMMANDS.items():
        if entry.alias or not is_here(entry.target):
            continue
        if entry.section != heading:
            heading = entry.section
            yield f"## {heading}\n\n"
        yield from describe(root, cli, name)


def is_here(target: str) -> bool:
    """Tell whether the part that has the command is installed."""
    module = target.partition(":")[0]
    package = module.rpartition(".")[0]
    return not module or (find_spec(package) is not None and find_spec(module) is not None)


def describe(parent: click.Context, group: click.Group, name: str) -> Iterator[str]:
    """Yield the help of a command, or of all commands of a group."""
    if isinstance(group, LazyGroup) and not is_here(group.entry(name).target):
        return
    command = group.get_command(parent, name)
    if command is None or command.hidden:
        return
    context = click.Context(command, info_name=name, parent=parent)
    yield f"### {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n\n"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            yield from describe(context, command, child)


if __name__ == "__main__":
    main()
