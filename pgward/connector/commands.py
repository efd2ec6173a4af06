"""``pgward connector``: enroll, serve, status, plan and check."""

import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pgward.client import options
from pgward.client.machine import Machine
from pgward.connector.needs import SOCKET, check_driver
from pgward.core.address import Address
from pgward.core.clock import rfc3339
from pgward.core.errors import InvalidInputError, NotFoundError, PgwardError
from pgward.system import log_lines, terminal
from pgward.system.files import storage_errors, write_named
from pgward.system.health_server import HealthServer, StatusSocket, ask
from pgward.system.secrecy import hide_memory, keep_secrets

if TYPE_CHECKING:
    from pgward.connector import serving

_MAX_TOKEN = 8192
_KIND = "connector"
_SERVING = (_KIND, "edge")
"""An edge has a connector inside where it is told to: `pgward edge serve --connector`."""
_DIRECTORY = click.argument(
    "directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False)
)
_STATUS = {
    "name": "name",
    "pid": "pid",
    "connected": "hears the CA",
    "version": "version",
    "reports_waiting": "reports waiting",
}
_INTEGRATIONS = {
    "integration": "INTEGRATION",
    "server": "SERVER",
    "state": "STATE",
    "grants": "GRANTS",
    "next_end": "NEXT END",
    "problem": "PROBLEM",
}


@click.command("enroll")
@_DIRECTORY
@click.option(
    "--token-file", required=True, metavar="FILE", help="File with the join token; - reads stdin."
)
def enroll(directory: Path, token_file: str) -> None:
    """Make this machine a connector, with a token from `pgward ca token connector NAME`.

    DIR gets the connector's key and certificate; the key never leaves it.
    """
    if token_file == "-":  # noqa: S105 - a file name
        token = terminal.read_stdin_line()
    else:
        with storage_errors(Path(token_file), "read"), Path(token_file).open("rb") as file:
            token = file.read(_MAX_TOKEN).decode("ascii", "replace")
    machine = Machine.enroll(directory, token, advertise=None, kind=_KIND)
    _check_kind(machine, (_KIND,))
    terminal.report(name=machine.name, not_after=machine.not_after)
    terminal.note(f"connector {machine.name} is enrolled until {rfc3339(machine.not_after)}")
    terminal.note(f"next: pgward connector serve {directory}")


@click.command("serve")
@_DIRECTORY
@click.option("--health", metavar="HOST:PORT",
              help="Answer /healthz, /readyz and /metrics there; port 0 picks one.")  # fmt: skip
@click.option("--ready-file", type=click.Path(path_type=Path, dir_okay=False),
              help="Write the name, and where --health listens, once it serves.")  # fmt: skip
@click.option("--log-level", type=click.Choice(["debug", "info", "warning"]), default="info",
              show_default=True, help="How much to say on standard error.")  # fmt: skip
@click.option("--until-eof", is_flag=True, hidden=True, allow_from_autoenv=False,
              help="End when standard input does: whoever started us has ended.")  # fmt: skip
def serve(
    *,
    directory: Path,
    health: str | None,
    ready_file: Path | None,
    log_level: str,
    until_eof: bool,
) -> None:
    """Make roles and grants on PostgreSQL servers as the CA says, and end them in time.

    It dials out only. With the CA away it ends what is over; SIGHUP has it look at every server.
    """
    check_driver()
    from pgward.connector import serving  # noqa: PLC0415 - psycopg is an extra
    from pgward.connector.executing import reconcile  # noqa: PLC0415

    keep_secrets()
    hide_memory()
    log_lines.set_up(log_level)
    machine = _load(directory)
    with ExitStack() as held:
        serving.alone(directory, held)
        connector = serving.Connector(directory, machine, reconcile)
        socket = StatusSocket(directory / SOCKET, connector.report)
        held.callback(socket.close)
        address = None
        if health is not None:
            server = HealthServer(Address.parse(health), connector.report)
            held.callback(server.close)
            address = server.address
        if until_eof:
            threading.Thread(target=_stop_at_eof, args=(connector,), daemon=True).start()
        connector.run(lambda: _ready(machine.name, address, ready_file))


def _stop_at_eof(connector: "serving.Connector") -> None:
    while sys.stdin.buffer.read(1024):
        pass
    connector.stop()


def _ready(name: str, address: Address | None, ready_file: Path | None) -> None:
    if ready_file is not None:
        lines = [name, *([] if address is None else [str(address)])]
        write_named(ready_file, "".join(f"{each}\n" for each in lines).encode(), mode=0o644)
    answers = "" if address is None else f", and answers on http://{address}"
    terminal.echo(f"connector {name} serves{answers}")
    sys.stdout.flush()


@click.command("status")
@_DIRECTORY
@options.output
def status(directory: Path, output: str) -> None:
    """Tell how the connector fares that serves from DIR."""
    machine = _load(directory)
    missing = NotFoundError(
        f"no connector serves from {directory}", hint=f"pgward connector serve {directory}"
    )
    facts = ask(directory / SOCKET, missing=missing, who=_KIND)
    facts["certificate_ends"] = machine.not_after
    shown = {**facts, "connected": "yes" if facts["connected"] else f"no: {facts['problem']}"}
    if output != "table":
        terminal.record(facts, _STATUS, output)
    else:
        terminal.record(shown, _STATUS | {"certificate_ends": "certificate ends"}, output)
        terminal.echo()
        terminal.table(facts["integrations"], _INTEGRATIONS)
    if not facts["ok"]:
        raise PgwardError("not all is as it should be", hint="the connector's log tells more")


@click.command("plan")
@_DIRECTORY
@click.option("--integration", metavar="NAME", help="This one only.")
@options.output
def plan(directory: Path, integration: str | None, output: str) -> None:
    """Show the SQL that the connector would run now; nothing is changed.

    It is empty where every server is as it should be.
    """
    check_driver()
    from pgward.connector.beside import Look  # noqa: PLC0415 - psycopg is an extra

    with Look.open(directory, _load(directory)) as look:
        plans = [look.plan(each) for each in look.assignments(integration)]
    if output != "table":
        terminal.structured(plans, output)
        return
    for each in plans:
        _show_plan(each)


def _show_plan(found: dict[str, Any]) -> None:
    terminal.echo(f"-- {found['integration']}: PostgreSQL {found['server_version']} at"
                  f" {found['server']}")  # fmt: skip
    database = None
    for each in found["statements"]:
        if each["database"] != database:
            database = each["database"]
            terminal.echo(f"-- database {terminal.cell(database)}")
        terminal.echo(_statement(each["sql"]))
    if not found["statements"]:
        terminal.echo("-- nothing to do")
    for problem in found["problems"]:
        terminal.note(f"warning: {problem}")


def _statement(sql: str) -> str:
    """Return it with its end; what is no SQL is a comment already."""
    return sql if sql.rstrip().endswith(";") or sql.startswith("--") else f"{sql};"


@click.command("check")
@_DIRECTORY
@click.option("--integration", metavar="NAME", help="This one only.")
@options.output
def check(directory: Path, integration: str | None, output: str) -> None:
    """Connect to PostgreSQL servers as the CA says, and tell what is missing there."""
    check_driver()
    from pgward.connector.beside import Look  # noqa: PLC0415 - psycopg is an extra

    with Look.open(directory, _load(directory)) as look:
        findings = [each for one in look.assignments(integration) for each in look.check(one)]
    rows = [each.to_json() for each in findings]
    if output == "table":
        titles = {"integration": "INTEGRATION", "check": "CHECK", "verdict": "IS", "text": "WHAT"}
        terminal.table(rows, titles)
        for each in findings:
            if each.hint is not None:
                terminal.note(f"{each.integration}, {each.what}: {each.hint}")
    else:
        terminal.structured(rows, output)
    if any(each.verdict == "problem" for each in findings):
        raise PgwardError("a server cannot be worked as it is", hint="the problems say why")


def _load(directory: Path) -> Machine:
    try:
        machine = Machine.load(directory)
    except NotFoundError as error:
        raise NotFoundError(
            error.message, hint="pgward ca token connector NAME, then pgward connector enroll"
        ) from error
    _check_kind(machine, _SERVING)
    return machine


def _check_kind(machine: Machine, kinds: Sequence[str]) -> None:
    if machine.kind not in kinds:
        raise InvalidInputError(
            f"that is no connector: its kind is {machine.kind}",
            hint="pgward ca token connector NAME",
        )
