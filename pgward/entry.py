"""Where ``pgward`` begins: ``pgward psql`` through the agent must cost next to nothing.

So it goes past click and everything that only other commands need, as far as it can.
"""

import gc
import sys


def main() -> None:
    """Run the ``pgward`` command."""
    match sys.argv[1:]:
        case ["psql", service, *arguments] if not service.startswith("-"):
            from pgward.tunnel.agent.quick import psql  # noqa: PLC0415 - what this file is for

            psql(service, arguments)  # does not return if an agent runs

    # Imports make little garbage, and looking for it took an eighth of their time.
    gc.set_threshold(50_000, 20, 20)
    from pgward.cli import main as whole  # noqa: PLC0415 - as above

    whole()
