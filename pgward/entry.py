"""Where ``pgward`` begins: ``pgward psql`` through the agent must cost next to nothing.

So it goes past click and everything that only other commands need, as far as it can.
"""

import sys


def main() -> None:
    """Run the ``pgward`` command."""
    match sys.argv[1:]:
        case ["psql", service, *arguments] if not service.startswith("-"):
            from pgward.tunnel.agent.quick import psql  # noqa: PLC0415 - what this file is for

            psql(service, arguments)  # does not return if an agent runs

    from pgward.cli import main as whole  # noqa: PLC0415 - as above

    whole()
