"""``pgward psql`` through the agent: ask for the tunnel, and become psql.

Nothing of weight is imported before psql runs: no click, httpx2, cryptography, rich, psutil,
keyring or joserfc. A test sees to that.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pgward.core.errors import NotFoundError, PgwardError
from pgward.system.paths import pgward_home
from pgward.tunnel.agent import client

_WHERE = frozenset({"PGHOST", "PGHOSTADDR", "PGPORT", "PGSERVICE"})


def psql(service: str, arguments: Sequence[str]) -> None:
    """Become psql; return when no agent runs, exit when something else fails."""
    try:
        become(service, arguments)
    except client.AgentAwayError:
        return
    except PgwardError as error:
        from pgward.system import terminal  # noqa: PLC0415 - only a failure needs it

        terminal.error(error)
        sys.exit(error.exit_code)


def become(service: str, arguments: Sequence[str]) -> NoReturn:
    """Ask the agent for a tunnel, and become psql; raise AgentAwayError without one."""
    try:
        answer = client.ask(pgward_home(), "psql", service=service)
    except client.AgentAwayError:
        raise
    except PgwardError as error:
        if error.exit_code == 1 and error.hint == client.HANGS_HINT:
            error.hint = f"{error.hint}; or: pgward psql --no-agent {service}"
        raise
    _say(answer.get("said"))
    if answer.get("step_up") is True:
        _step_up(service)
    execute(arguments, without_libpq(os.environ) | _of_libpq(answer.get("environment")))


def _step_up(service: str) -> None:
    """Ask for a second factor before psql starts, if one is needed now."""
    from pgward.client import options, step_up_prompt  # noqa: PLC0415 - few services ask for one

    with options.api() as api:
        step_up_prompt.ensure(api, service)


def execute(arguments: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Become psql with its own arguments, a leading ``--`` left out; raise NotFoundError."""
    given = arguments[1:] if arguments[:1] == ["--"] else arguments
    sys.stdout.flush()
    try:
        os.execvpe("psql", ["psql", *given], environment)  # noqa: S606 - the program asked for
    except FileNotFoundError:
        raise NotFoundError(
            "psql is not on PATH", hint="install the PostgreSQL client programs"
        ) from None


def without_libpq(environment: Mapping[str, str]) -> dict[str, str]:
    """Leave out the variables with which libpq would go to, or trust, another server."""
    return {
        name: value
        for name, value in environment.items()
        if name not in _WHERE and not name.startswith("PGSSL")
    }


def _of_libpq(answer: Any) -> dict[str, str]:
    """Take libpq's own variables of an answer, and nothing else."""
    if not isinstance(answer, dict):
        raise NotFoundError("the agent says nothing of a tunnel", hint=client.HANGS_HINT)
    return {
        name: value
        for name, value in answer.items()
        if name.startswith("PG") and isinstance(value, str) and "\0" not in value
    }


def _say(texts: Any) -> None:
    if texts:
        from pgward.system import terminal  # noqa: PLC0415 - there is seldom something to say

        for text in texts:
            terminal.note(str(text))
