"""``pgward connect``, ``status``, ``disconnect`` and ``psql``."""

import json
import logging
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from pgward.client import options
from pgward.client.conninfo import tls_fields
from pgward.client.session import Session
from pgward.core.clock import SystemClock
from pgward.core.errors import NotFoundError, PgwardError
from pgward.system import terminal
from pgward.system.paths import pgward_home
from pgward.system.process import detach, notify_failed, notify_ready
from pgward.tunnel.local import registry
from pgward.tunnel.local.catalog import Catalog
from pgward.tunnel.local.registry import Registry, Running
from pgward.tunnel.local.run import TunnelOptions, TunnelProcess
from pgward.tunnel.loop import run

STOP_SECONDS = 10.0
_WHERE = frozenset({"PGHOST", "PGHOSTADDR", "PGPORT", "PGSERVICE"})
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
@click.option("--for-pid", type=int, hidden=True)
def connect(
    service: str, port: int | None, unix: bool, detached: bool, for_pid: int | None
) -> None:
    """Open a tunnel to SERVICE and keep it open until Ctrl-C.

    Prints the connection string for psql and other clients on stdout.
    """
    if unix and port is not None:
        raise click.UsageError("--port and --socket exclude each other")
    wanted = TunnelOptions(service, pgward_home(), port, unix, for_pid)
    if detached:
        running = _in_background(wanted)
        _tell_ready(running)
        terminal.note(f"it runs in the background: pgward disconnect {service}")
        return
    _serve(wanted)


def _serve(wanted: TunnelOptions) -> None:
    logging.basicConfig(level=logging.WARNING, format="pgward: %(message)s", stream=sys.stderr)
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        terminal.note(text)

    def ready(running: Running) -> None:
        if wanted.for_pid is None:
            _tell_ready(running)
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
    terminal.echo(running.conninfo)


def _in_background(wanted: TunnelOptions) -> Running:
    arguments = [sys.executable, "-m", "pgward", "connect", wanted.service]
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
    """Show the tunnels that are open, and how they fare."""
    known = Registry(pgward_home())
    rows = [
        _row(running, registry.ask(known.control_path(running.service))) for running in known.all()
    ]
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


def _in_trouble(answer: Mapping[str, Any]) -> bool:
    """Tell whether a tunnel's last problem is still one: it has no link to the edge."""
    return bool(answer.get("problem")) and not answer.get("ready_links")


def _row(running: Running, answer: dict[str, Any] | None) -> dict[str, Any]:
    facts = {"service": running.service, "pid": running.pid, "conninfo": running.conninfo}
    facts["address"] = running.address
    return facts | (answer if answer is not None else {"problem": "it does not answer"})


@click.command()
@click.argument("service", required=False)
@click.option("--all", "everything", is_flag=True, help="Close every tunnel.")
def disconnect(service: str | None, everything: bool) -> None:
    """Close the tunnel to SERVICE, and with it the connections through it."""
    known = Registry(pgward_home())
    if service is None and not everything:
        raise click.UsageError("name a service, or use --all")
    chosen = known.all() if service is None else [_named(known, service)]
    if not chosen:
        terminal.note("no tunnel is open")
    for running in chosen:
        running.process.stop(timeout=STOP_SECONDS)
        known.remove(running.service)
        terminal.note(f"{running.service} is disconnected")


def _named(known: Registry, service: str) -> Running:
    running = known.get(service)
    if running is None:
        names = ", ".join(each.service for each in known.all())
        hint = f"connected: {names}" if names else "no tunnel is open"
        raise NotFoundError(f"{service} is not connected", hint=hint)
    return running


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("service")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(service: str, arguments: tuple[str, ...]) -> None:
    """Run psql on SERVICE; ARGUMENTS go to psql (after --).

    Opens a tunnel that ends with psql, unless one is open already.
    """
    program = shutil.which("psql")
    if program is None:
        raise NotFoundError("psql is not on PATH", hint="install the PostgreSQL client programs")
    home = pgward_home()
    session = Session.open(home)
    target = Catalog(home, session, SystemClock(), terminal.note).find(service)
    running = _open_tunnel(home, service) or _in_background(
        TunnelOptions(service, home, for_pid=os.getpid())
    )
    environment = {
        **_without_libpq(os.environ),
        **_libpq_environment(running, target.server_name),
        "PGUSER": session.user.name,
        **({"PGDATABASE": target.database} if target.database else {}),
    }
    if not running.host.startswith("/"):
        for key, value in tls_fields(session.paths, target.ssl_mode).items():
            environment[f"PG{key.upper()}"] = str(value)
    session.close()
    sys.stdout.flush()
    os.execve(program, [program, *arguments], environment)  # noqa: S606 - the program that the person asked for


def _open_tunnel(home: Path, service: str) -> Running | None:
    """Return the tunnel that is open; say what is wrong with it, which psql may not show."""
    known = Registry(home)
    running = known.get(service)
    answer = registry.ask(known.control_path(service)) if running else None
    if answer and _in_trouble(answer):
        hint = f"\nhint: {answer['hint']}" if answer.get("hint") else ""
        terminal.note(f"the tunnel to {service}: {answer['problem']}{hint}")
    return running


def _without_libpq(environment: Mapping[str, str]) -> dict[str, str]:
    """Leave out the variables with which libpq would go to, or trust, another server."""
    return {
        name: value
        for name, value in environment.items()
        if name not in _WHERE and not name.startswith("PGSSL")
    }


def _libpq_environment(running: Running, server_name: str) -> dict[str, str]:
    """Return libpq's variables, so that psql's own options still win over them."""
    if running.host.startswith("/"):
        return {"PGHOST": running.host, "PGPORT": str(running.port)}
    return {"PGHOST": server_name, "PGHOSTADDR": running.host, "PGPORT": str(running.port)}
