"""``pgward agent install | uninstall``."""

import os
import sys
from pathlib import Path

import click

from pgward.system import terminal
from pgward.system.paths import pgward_home
from pgward.tunnel.agent import install as installing
from pgward.tunnel.agent.commands import stop_agent
from pgward.tunnel.agent.install import Plan


@click.command()
@click.option("--print", "show", is_flag=True, help="Only show what would be written.")
def install(show: bool) -> None:
    """Have the agent run from now on, and whenever you log in to this machine.

    A systemd user unit on Linux, a launchd job on macOS, a scheduled task on Windows.
    """
    wanted = _plan()
    terminal.report(path=str(wanted.path), installed=False)
    if show:
        terminal.note(f"{wanted.path}:")
        terminal.echo(wanted.text.rstrip("\n"), fact="text")
        return
    installing.check(wanted)
    stop_agent(pgward_home())  # one that was started by hand would be in its way
    installing.install(wanted)
    terminal.report(installed=True)
    terminal.note(f"the agent is installed, and runs: {wanted.path}")


@click.command()
def uninstall() -> None:
    """Stop the agent, and have it begin by itself no more."""
    wanted = _plan()
    removed = installing.uninstall(wanted)
    terminal.report(removed=[str(wanted.path)] if removed else [])
    if removed:
        terminal.note(f"the agent is not installed any more: {wanted.path} is removed")
    else:
        terminal.note("the agent is not installed")


def _plan() -> Plan:
    return installing.plan(sys.platform, os.environ, Path.home())
