"""``pgward completion`` and ``pgward man``."""

import os
from pathlib import Path

import click

from pgward.shell import completion as completing
from pgward.shell import pages
from pgward.system import terminal
from pgward.system.files import atomic_write, storage_errors

_PUBLIC = 0o644


@click.command()
@click.argument("shell", type=click.Choice(completing.SHELLS))
@click.option("--install", is_flag=True, help="Put it where the shell looks for it.")
def completion(shell: str, install: bool) -> None:
    """Print the script that completes commands, options and services in SHELL.

    Services are those that the CA listed last; nothing is asked on the network.
    """
    text = completing.script(shell, click.get_current_context().find_root().command)
    if not install:
        terminal.echo(text.rstrip("\n"))
        return
    path = completing.place(shell, Path.home(), os.environ)
    with storage_errors(path.parent, "create"):
        path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, text.encode(), _PUBLIC)
    terminal.note(f"wrote {path}\n{completing.NEXT[shell]}")


@click.command()
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="Where to write them, as man1/pgward.1 and so on.",
)
def man(directory: Path) -> None:
    """Write the manual pages, one for each command.

    An installed pgward has them already (`man pgward`), where man finds share/man of its
    environment: `man -M DIR pgward` shows those of DIR.
    """
    root = click.get_current_context().find_root().command
    written = pages.write(root, directory)
    terminal.note(f"wrote {written} pages to {directory / 'man1'}")
