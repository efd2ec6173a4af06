"""``pgward connect``, ``status``, ``disconnect`` and ``psql``."""

import contextlib
import json
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from pgward.client import options, step_up_prompt
from pgward.client.session import Session
from pgward.core.clock import SystemClock
from pgward.core.errors import NotFoundError, PgwardError
from pgward.system import reporting, terminal
from pgward.system.paths import pgward_home
from pgward.system.process import detach, notify_failed, notify_ready
from pgward.system.secrecy import keep_secrets
from pgward.tunnel.agent import client, quick
from pgward.tunnel.local import registry
from pgward.tunnel.local.catalog import Catalog
from pgward.tunnel.local.listening import libpq_environment
from pgward.tunnel.local.registry import Registry, Running
from pgward.tunnel.local.run import TunnelOptions, TunnelProcess
from pgward.tunnel.loop import run

STOP_SECONDS = 10.0
_PORT = click.IntRange(0, 65535)


@click.command()
@click.argument("service")
@click.option("--port", type=_PORT, help="Local port; by default the one the service had last.")
@click.option(
    "--socket",
    "unix",
    is_flag=True,
    help="Listen on a Unix socket instead of a port; the tunnel itself speaks TLS to PostgreSQL.",
)
@click.option("--detach", "detached", is_flag=True, help="Go to the background once it is ready.")
@click.option("--no-agent", is_flag=True, help="In a process of its own, though the agent runs.")
@click.option("--for-pid", type=int, hidden=True)
def connect(
    *,
    service: str,
    port: int | None,
    unix: bool,
    detached: bool,
    no_agent: bool,
    for_pid: int | None,
) -> None:
    """Open a tunnel to SERVICE and keep it open until Ctrl-C.

    Prints the connection string for psql and other clients on stdout. When the agent runs
    (pgward agent start), it holds the tunnel, and this command returns at once.
    """
    if unix and port is not None:
        raise click.UsageError("--port and --socket exclude each other")
    wanted = TunnelOptions(service, pgward_home(), port, unix, for_pid)
    if for_pid is None and not no_agent and _by_agent(wanted):
        return
    if detached:
        running = _in_background(wanted)
        _tell_ready(running)
        terminal.note(f"it runs in the background: pgward disconnect {service}")
        return
    _serve(wanted)


def _by_agent(wanted: TunnelOptions) -> bool:
    """Have the agent open the tunnel; False when none runs."""
    fields = {"service": wanted.service, "port": wanted.port, "socket": wanted.socket}
    try:
        answer = client.ask(wanted.home, "connect", **fields)
    except client.AgentAwayError:
        return False
    except PgwardError as error:
        if error.hint == client.HANGS_HINT:
            error.hint = f"{error.hint}; or: pgward connect --no-agent {wanted.service}"
        raise
    for text in answer["said"]:
        terminal.note(text)
    _tell_ready(Running.read(answer["running"]))
    how = "holds it now" if answer["new"] else "has it open already"
    terminal.note(f"the agent {how}: pgward disconnect {wanted.service}")
    return True


def _serve(wanted: TunnelOptions) -> None:
    keep_secrets()
    logging.basicConfig(level=logging.WARNING, format="pgward: %(message)s", stream=sys.stderr)
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        terminal.note(text)

    def ready(running: Running) -> None:
        if wanted.for_pid is None:
            _tell_ready(running)
            reporting.finish()  # now: the command itself ends when the tunnel does
        facts = {name: getattr(running, name) for name in _FIELDS}
        notify_ready(json.dumps({"running": facts, "said": said}))

    try:
        run(TunnelProcess(wanted, say=say, on_ready=ready).run())
    except PgwardError as error:
        notify_failed(error)
        if wanted.for_pid is not None:
            sys.exit(error.exit_code)  # the process that waits for this one tells why
        raise


_FIELDS = ("service", "pid", "started", "host", "port", "conninfo")


def _tell_ready(running: Running) -> None:
    terminal.note(
        f"{running.service} is at {running.address}; connect with this string, or pgward psql"
    )
    terminal.report(service=running.service, host=running.host, port=running.port, pid=running.pid)
    terminal.echo(running.conninfo, fact="conninfo")


def _in_background(wanted: TunnelOptions) -> Running:
    arguments = [sys.executable, "-m", "pgward", "connect", wanted.service, "--no-agent"]
    if wanted.port is not None:
        arguments += ["--port", str(wanted.port)]
    if wanted.socket:
        arguments.append("--socket")
    if wanted.for_pid is not None:
        arguments += ["--for-pid", str(wanted.for_pid)]
    # A tunnel that lives as long as one psql says in that psql's terminal why it is refused.
    for_psql = wanted.for_pid is not None
    log = None if for_psql else Registry(wanted.home).socket_directory(wanted.service) / "log"
    _, message = detach(arguments, log=log, env={"PGWARD_HOME": str(wanted.home)})
    answer = json.loads(message)
    if log is not None:  # it said these to its log only: a port that was taken, a CA that is away
        for text in answer["said"]:
            terminal.note(text)
    return Running.read(answer["running"])


@click.command()
@options.output
def status(output: str) -> None:
    """Show the tunnels that are open, the agent's and others, and how they fare."""
    known = Registry(pgward_home())
    rows = [
        _row(running, registry.ask(known.control_path(running.service))) for running in known.all()
    ]
    rows += _waiting(pgward_home())
    columns = {
        "service": "SERVICE",
        "address": "ADDRESS",
        "active": "ACTIVE",
        "total": "TOTAL",
        "certificate_expires_at": "CERTIFICATE ENDS",
        "problem": "LAST PROBLEM",
    }
    terminal.table(rows, columns, output, empty="no tunnel is open")
    for row in rows:
        if row.get("hint") and _in_trouble(row):
            terminal.note(f"hint for {row['service']}: {row['hint']}")


def _waiting(home: Path) -> list[dict[str, Any]]:
    """Return the tunnels that the agent could not open yet."""
    try:
        tunnels = client.ask(home, "status")["tunnels"]
    except client.AgentAwayError:
        return []
    except PgwardError as error:
        terminal.note(f"{error.message}\nhint: {error.hint}")
        return []
    return [
        {"service": each["service"], "address": None, "agent": True, "problem": each["problem"]}
        for each in tunnels
        if each["address"] is None
    ]


def _in_trouble(answer: Mapping[str, Any]) -> bool:
    """Tell whether a tunnel's last problem is still one: it has no link to the edge."""
    return bool(answer.get("problem")) and not answer.get("ready_links")


def _row(running: Running, answer: dict[str, Any] | None) -> dict[str, Any]:
    facts = {"service": running.service, "pid": running.pid, "conninfo": running.conninfo}
    facts |= {"address": running.address, "agent": running.agent}
    return facts | (answer if answer is not None else {"problem": "it does not answer"})


@click.command()
@click.argument("service", required=False)
@click.option("--all", "everything", is_flag=True, help="Close every tunnel.")
def disconnect(service: str | None, everything: bool) -> None:
    """Close the tunnel to SERVICE, and with it the connections through it."""
    known = Registry(pgward_home())
    if service is None and not everything:
        raise click.UsageError("name a service, or use --all")
    closed = _closed_by_agent(pgward_home(), service)
    own = known.all() if service is None else _named(known, service, closed)
    for running in own:
        if not running.agent:
            running.process.stop(timeout=STOP_SECONDS)
            known.remove(running.service)
            closed.append(running.service)
    terminal.report(disconnected=closed)
    for name in closed:
        terminal.note(f"{name} is disconnected")
    if not closed:
        terminal.note("no tunnel is open")


def _closed_by_agent(home: Path, service: str | None) -> list[str]:
    """Have the agent close what it holds, one or all; return the names."""
    fields: dict[str, Any] = {"all": True} if service is None else {"service": service}
    try:
        closed = client.ask(home, "disconnect", **fields)["closed"]
    except (client.AgentAwayError, NotFoundError):
        return []
    return [str(name) for name in closed]


def _named(known: Registry, service: str, closed: list[str]) -> list[Running]:
    """Return the tunnel of a service, if it has a process of its own; raise NotFoundError."""
    if closed:
        return []
    running = known.get(service)
    if running is None:
        names = ", ".join(each.service for each in known.all())
        hint = f"connected: {names}" if names else "no tunnel is open"
        raise NotFoundError(f"{service} is not connected", hint=hint)
    return [running]


# What follows SERVICE is psql's own, whether or not -- stands between.
@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--no-agent", is_flag=True, help="Past the agent, though it runs.")
@click.argument("service")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(service: str, arguments: tuple[str, ...], no_agent: bool) -> None:
    """Run psql on SERVICE; ARGUMENTS go to psql.

    Goes through the agent if it runs. Else it opens a tunnel that ends with psql, unless one is
    open already.
    """
    home = pgward_home()
    if not no_agent:
        with contextlib.suppress(client.AgentAwayError):
            quick.become(service, list(arguments))
    session = Session.open(home)
    target = Catalog(home, session, SystemClock(), terminal.note).find(service)
    if target.step_up is not None and not target.step_up.is_proved(SystemClock().now()):
        step_up_prompt.ensure(session.api(), service)
    for text in target.told(SystemClock().now()):
        terminal.note(text)
    running = _open_tunnel(home, service, no_agent=no_agent) or _in_background(
        TunnelOptions(service, home, for_pid=os.getpid())
    )
    of_libpq = libpq_environment(session, target, running.host, running.port)
    session.close()
    quick.execute(list(arguments), quick.without_libpq(os.environ) | of_libpq)


def _open_tunnel(home: Path, service: str, *, no_agent: bool) -> Running | None:
    """Return the tunnel that is open; say what is wrong with it, which psql may not show."""
    known = Registry(home)
    running = known.get(service)
    if running is not None and running.agent and no_agent:
        return None
    answer = registry.ask(known.control_path(service)) if running else None
    if answer and _in_trouble(answer):
        hint = f"\nhint: {answer['hint']}" if answer.get("hint") else ""
        terminal.note(f"the tunnel to {service}: {answer['problem']}{hint}")
    return running
