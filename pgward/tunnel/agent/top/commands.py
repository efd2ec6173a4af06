"""``pgward top``."""

import click

from pgward.client import options
from pgward.core.errors import PgwardError
from pgward.system import terminal
from pgward.system.paths import pgward_home
from pgward.tunnel.agent import client
from pgward.tunnel.agent.top.source import AgentSource


@click.command()
@options.output
def top(output: str) -> None:
    """Watch services, tunnels and live connections; connect and disconnect with a key.

    JSON and YAML show one picture, and need no terminal. Needs the agent: pgward agent start.
    """
    home = pgward_home()
    if output != "table":
        terminal.structured(client.ask(home, "live", after=0), output)
        return
    try:
        from pgward.tunnel.agent.top.app import TopApp  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise PgwardError(
            f"pgward top needs the Python module {error.name!r}, which is not installed",
            hint="pip install 'pgward[top]'; or: pgward top --output json",
        ) from error
    if not terminal.interactive():
        raise PgwardError("pgward top needs a terminal", hint="pgward top --output json")
    TopApp(AgentSource(home)).run()
