"""``pgward edge enroll``, ``serve`` and ``status``."""

import logging
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from pgward.audit.sinks.schemes import open_sink
from pgward.client import options
from pgward.client.machine import Machine
from pgward.core.address import Address
from pgward.core.clock import rfc3339
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.system import log_lines, terminal
from pgward.system.files import storage_errors, write_named
from pgward.system.secrecy import hide_memory, keep_secrets
from pgward.tunnel.edge import connector_child, kept
from pgward.tunnel.edge.auditor import status as auditor_status
from pgward.tunnel.edge.auditor.settings import PLACE, SPOOL_MAX, AuditorSettings
from pgward.tunnel.edge.cancels import mailboxes
from pgward.tunnel.edge.holding import Hold
from pgward.tunnel.edge.listening import address_of, bind, bind_all, reserve_all
from pgward.tunnel.edge.metrics.board import Board
from pgward.tunnel.edge.server import EdgeServer, EdgeSettings
from pgward.tunnel.edge.upstreams import health_file
from pgward.tunnel.edge.workers import supervise
from pgward.tunnel.loop import run

_MAX_TOKEN_FILE = 8 * 1024
_DIRECTORY = click.argument(
    "directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False)
)


@click.command("enroll")
@_DIRECTORY
@click.option(
    "--token-file", required=True, metavar="FILE", help="File with the join token; - reads stdin."
)
@click.option(
    "--advertise", required=True, metavar="HOST:PORT", help="Where tunnels reach this edge."
)
def edge_enroll(directory: Path, token_file: str, advertise: str) -> None:
    """Make this machine an edge, with a token from `pgward ca token edge NAME`.

    DIR gets the edge's key and certificate; the key never leaves it.
    """
    address = Address.parse(advertise)
    if token_file == "-":  # noqa: S105 - a file name
        token = terminal.read_stdin_line()
    else:
        with storage_errors(Path(token_file), "read"), Path(token_file).open("rb") as file:
            token = file.read(_MAX_TOKEN_FILE).decode("ascii", "replace")
    machine = Machine.enroll(directory, token, advertise=str(address))
    if machine.kind != "edge":
        raise InvalidInputError(
            f"that token is for a {machine.kind}, not for an edge", hint="pgward ca token edge NAME"
        )
    terminal.report(name=machine.name, not_after=machine.not_after)
    terminal.note(f"edge {machine.name} is enrolled until {rfc3339(machine.not_after)}")
    terminal.note(f"next: pgward edge serve {directory} --listen {_any(address)}")


def _any(address: Address) -> str:
    return f"0.0.0.0:{address.port}"


@click.command("serve")
@_DIRECTORY
@click.option("--listen", multiple=True, default=["0.0.0.0:6432"], show_default=True,
              metavar="HOST:PORT", help="Where to listen, and again for more; [::]:6432 is IPv4 "
              "and IPv6, port 0 picks one.")  # fmt: skip
@click.option("--default-service", metavar="SERVICE",
              help="Service of clients that name none (no tunnel, no SNI).")  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True,
              help="Processes that serve the same port.")  # fmt: skip
@click.option("--drain-timeout", type=click.FloatRange(0), default=30.0, show_default=True,
              help="Seconds that sessions get to end by themselves at SIGTERM.")  # fmt: skip
@click.option("--handshake-timeout", type=click.FloatRange(0.1), default=10.0, show_default=True,
              help="Seconds that a client gets to say who it is and what it wants.")  # fmt: skip
@click.option("--idle-timeout", type=click.FloatRange(1), default=3600.0, show_default=True,
              help="Seconds that a tunnel's link may wait without a session.")  # fmt: skip
@click.option("--max-connections", type=click.IntRange(1), default=10_000, show_default=True,
              help="Per worker; one more is refused.")  # fmt: skip
@click.option("--max-connections-per-user", type=click.IntRange(1),
              help="With a session or without.  [default: a fifth of them all]")  # fmt: skip
@click.option("--audit-sink", multiple=True, metavar="URL",
              help="Where records of sessions go besides the CA: file, syslog+tls, otlp+https, "
              "webhook+https and others, see docs/reference/audit-sinks.md.")  # fmt: skip
@click.option("--audit-spool-max", type=click.IntRange(1), default=SPOOL_MAX >> 20,
              show_default=True, metavar="MIB",
              help="So much may wait on disk for the CA; then sessions are refused.")  # fmt: skip
@click.option("--connector", is_flag=True,
              help="Be a connector, too, for integrations that name this edge.")  # fmt: skip
@click.option("--metrics", metavar="[HOST:]PORT",
              help="Serve http://HOST:PORT/metrics to Prometheus there; HOST is 127.0.0.1 unless "
              "given.")  # fmt: skip
@click.option("--ready-file", type=click.Path(path_type=Path, dir_okay=False),
              help="Write where it listens, one a line, once it accepts connections.")  # fmt: skip
@click.option("--log-level", type=click.Choice(["debug", "info", "warning"]), default="info",
              show_default=True, help="How much to say on standard error.")  # fmt: skip
def edge_serve(  # noqa: PLR0917 - click passes them by name
    directory: Path,
    listen: tuple[str, ...],
    default_service: str | None,
    workers: int,
    drain_timeout: float,
    handshake_timeout: float,
    idle_timeout: float,
    max_connections: int,
    max_connections_per_user: int | None,
    audit_sink: tuple[str, ...],
    audit_spool_max: int,
    connector: bool,
    metrics: str | None,
    ready_file: Path | None,
    log_level: str,
) -> None:
    """Serve tunnels and mTLS clients from the directory of an enrolled edge.

    SIGTERM drains, SIGHUP shows the certificate on disk in new handshakes.
    """
    keep_secrets()
    hide_memory()
    log_lines.set_up(log_level)
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    for url in audit_sink:
        open_sink(url)[1].close()  # one that is wrong ends us here, and not the auditor later
    settings = EdgeSettings(
        directory,
        default_service,
        drain_timeout=drain_timeout,
        handshake_timeout=handshake_timeout,
        idle_timeout=idle_timeout,
        max_connections=max_connections,
        max_connections_per_user=max_connections_per_user,
        audit=AuditorSettings(directory, audit_sink, audit_spool_max << 20, log_level),
    )
    Machine.load(directory).close()
    if connector:
        child = connector_child.ConnectorChild(connector_child.command(directory, log_level))
        settings = replace(settings, connector=child)
    wanted = list(dict.fromkeys(map(Address.parse, listen)))
    with Hold(directory) as hold:
        if metrics is not None:
            settings = replace(settings, board=Board(workers), metrics=_metrics(metrics))
        if workers == 1:
            listeners = bind_all(wanted)
            _work(settings, _addresses(listeners), lambda: listeners, ready_file, hold.release)
        else:
            sys.exit(_supervise(replace(settings, workers=workers), wanted, ready_file, hold))


def _supervise(
    settings: EdgeSettings, wanted: Sequence[Address], ready_file: Path | None, hold: Hold
) -> int:
    """Serve by several workers; return the exit code for the whole."""
    # A listening socket here would get its share of connections, which nobody accepts.
    held = reserve_all(wanted)
    addresses = _addresses(held)
    listeners = partial(bind_all, addresses, shared=True)
    with mailboxes(settings.workers) as boxes:

        def work(index: int) -> None:
            hold.leave()
            child = settings.connector if index == 0 else None
            mine = replace(settings, worker=index, mailboxes=boxes, connector=child)
            _work(mine, addresses, listeners, ready_file)

        code = supervise(settings.workers, work, hold.release)
    for each in held:
        each.close()
    return code


def _metrics(text: str) -> socket.socket:
    """Return the listening socket for Prometheus; a port alone is one of loopback."""
    address = Address.parse(f"127.0.0.1:{text}" if text.isdecimal() else text)
    listening = bind(address, option="--metrics")
    terminal.note(f"metrics at http://{address_of(listening.getsockname())}/metrics")
    return listening


def _addresses(sockets: Sequence[socket.socket]) -> list[Address]:
    return [address_of(each.getsockname()) for each in sockets]


def _work(
    settings: EdgeSettings,
    addresses: Sequence[Address],
    listeners: Callable[[], Sequence[socket.socket]],
    ready_file: Path | None,
    on_stop: Callable[[], None] = lambda: None,
) -> None:
    machine = Machine.load(settings.directory)
    server = EdgeServer(settings, machine, listeners(), on_stop=on_stop)

    def ready() -> None:
        if settings.worker == 0:
            if ready_file is not None:
                told = "".join(f"{each}\n" for each in addresses)
                write_named(ready_file, told.encode(), mode=0o644)
            terminal.echo(f"edge listens on {', '.join(map(str, addresses))}")
            sys.stdout.flush()

    run(server.run(ready))


_STATUS = {
    "name": "name",
    "certificate_ends": "certificate ends",
    "configuration": "configuration",
    "issued_at": "issued at",
    "services": "services",
    "blocked": "people blocked",
}
_DATABASES = {"service": "SERVICE", "address": "DATABASE", "how": "HOW IT IS"}


@click.command("status")
@_DIRECTORY
@options.output
def edge_status(directory: Path, output: str) -> None:
    """Show who this edge is, and which configuration it keeps on disk."""
    machine = Machine.load(directory)
    try:
        payload = kept.shown(directory / "snapshot.jws")
    except FileNotFoundError:
        raise NotFoundError(
            f"{directory} has no configuration from the CA yet", hint="pgward edge serve"
        ) from None
    facts = {
        "name": machine.name,
        "certificate_ends": machine.not_after,
        "configuration": payload.get("version"),
        "issued_at": payload.get("issued_at"),
        "services": [service["name"] for service in payload.get("services", ())],
        "blocked": len(payload.get("blocked", ())),
    }
    health, titles = health_file.read(directory), dict(_STATUS)
    if health is not None:
        servers = [
            {"ok": each.problem is None, **each._asdict()}
            for each in sorted(health.servers, key=lambda each: (each.service, each.address))
        ]
        facts |= {"databases": servers, "databases_asked_at": health.asked_at}
        titles["databases_asked_at"] = "databases asked at"
    if (audit := auditor_status.load(directory / PLACE)) is not None:
        titles["audit"] = "audit"
        facts["audit"] = auditor_status.shown(audit) if output == "table" else audit
    terminal.record(facts, titles, output)
    if output == "table" and health is not None and health.servers:
        terminal.echo()
        rows = [each | {"how": each["problem"] or "answers"} for each in servers]
        terminal.table(rows, _DATABASES)
