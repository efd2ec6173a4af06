"""``pgward config show | install | uninstall``: configurations for programs."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pgward.client import options
from pgward.client.config.catalogue import FORMATS, warning
from pgward.client.config.facts import Facts
from pgward.client.config.service_file import MOST_IN_OLD_LINE, longest, section
from pgward.core.errors import ConflictError, NotFoundError, PgwardError
from pgward.programs.finder import Finder
from pgward.programs.installing import POSTGRESQL_PORT, Done, Installer, Native
from pgward.system import terminal
from pgward.system.files import is_stream, read_regular, storage_errors, write_named
from pgward.system.paths import pgward_home
from pgward.tunnel.agent import client as agent
from pgward.tunnel.local.registry import Running

_PORT = click.IntRange(1, 65535)
_HERE = "."


def native(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--native``, ``--host`` and ``--port``, given on as ``way``."""

    @functools.wraps(command)
    def with_way(
        *args: Any, natively: bool, host: str | None, port: int | None, **kwargs: Any
    ) -> Any:
        if not natively and (host is not None or port is not None):
            raise click.UsageError("--host and --port go with --native")
        way = Native(host, port or POSTGRESQL_PORT) if natively else None
        return command(*args, way=way, **kwargs)

    decorated: Callable[..., Any] = with_way
    for option in (
        click.option("--port", type=_PORT, help="With --native: its port.  [default: 5432]"),
        click.option(
            "--host",
            metavar="HOST",
            help="With --native: where PostgreSQL is, if not at the service's server name.",
        ),
        click.option(
            "--native", "natively", is_flag=True, help="Straight to PostgreSQL, without a tunnel."
        ),
    ):
        decorated = option(decorated)
    return decorated


@click.command()
@click.argument("service")
@click.option(
    "--for",
    "client",
    type=click.Choice(list(FORMATS)),
    default="libpq",
    show_default=True,
    help="For which program or driver.",
)
@native
@click.option(
    "--write",
    metavar="[PATH]",
    is_flag=False,
    flag_value=_HERE,
    type=click.Path(path_type=Path),
    help="Write it to a file (mode 0600), or to one in this directory.",
)
@click.option("--force", is_flag=True, help="With --write: replace a file that is there.")
@options.output
def show(
    service: str,
    *,
    client: str,
    way: Native | None,
    write: Path | None,
    force: bool,
    output: str,
) -> None:
    """Show how a program connects to SERVICE.

    No secret is in it: it names files that only you can read, which renewals keep current.
    JSON and YAML have the facts for programs that are not listed.
    """
    with Finder(pgward_home(), terminal.note) as finder:
        found = finder.service(service)
        facts = finder.reserved(found) if way is None else finder.native(found, way.host, way.port)
        is_open = way is not None or finder.running(found) is not None
    structured = output != "table"
    if not structured or write is not None:
        _check_key(client, facts)
        text = FORMATS[client].render(facts)
    if write is not None:
        _write(_file(write, client, facts), f"{text}\n".encode(), force=force)
    if structured:
        terminal.structured(facts.to_json(), output)
        return
    if write is None:
        terminal.echo(text)
    note = warning(client, facts)
    if note:
        terminal.note(f"note: {note}")
    if not is_open:
        _tell_closed([service])


def _check_key(client: str, facts: Facts) -> None:
    """See that the key is there in this form: older identities have it in PEM only."""
    if FORMATS[client].der and facts.tls and not Path(facts.key_der).exists():
        raise NotFoundError(
            f"{facts.key_der} is not there yet", hint="the next renewal makes it, or: pgward login"
        )


def _file(path: Path, client: str, facts: Facts) -> Path:
    return path / FORMATS[client].file.format(facts.service) if path.is_dir() else path


def _write(path: Path, data: bytes, *, force: bool) -> None:
    if not (force or is_stream(path)) and (path.exists() or path.is_symlink()):
        with storage_errors(path, "read"):
            if read_regular(path) == data:
                terminal.note(f"{path} is so already")
                return
        raise ConflictError(f"{path} is there already", hint="--force replaces it")
    write_named(path, data)
    terminal.note(f"written to {path}")


@click.command()
@click.argument("services", nargs=-1, metavar="[SERVICE]…")
@click.option("--all", "everything", is_flag=True, help="For every service that you may use.")
@native
@options.output
def install(
    services: tuple[str, ...],
    *,
    everything: bool,
    way: Native | None,
    output: str,
) -> None:
    """Keep a section for each SERVICE in your pg_service.conf, for `psql service=NAME`.

    Without a SERVICE: bring the sections that are there up to date. Sections of services that are
    gone are removed; all else in the file stays as it is. The file is PGSERVICEFILE, else
    ~/.pg_service.conf. The agent opens the tunnels of these sections, also one that starts later.
    """
    if way is not None and way.host is not None and (everything or len(services) != 1):
        raise click.UsageError("--host goes with one service")
    if way is not None and not (everything or services):
        raise click.UsageError("name a service, or use --all")
    installer = Installer(pgward_home(), terminal.note)
    with Finder(pgward_home(), terminal.note) as finder:
        if not services and not everything and not installer.sections():
            raise click.UsageError("name a service, or use --all")
        done = installer.install(finder, services, everything=everything, native=way)
        open_now = {each.service for each in finder.registry.all()}
    _tell(done, output, "no service is for you")
    _tell_old_readers(done)
    tunnels = {name for name, each in installer.sections().items() if each.native is None}
    closed = [each.service for each in done if each.service in tunnels - open_now]
    if way is None:
        closed = [name for name in closed if name not in services or not _opened(name)]
        _tell_closed(closed, agent_runs=bool(closed) and _agent_runs())


@click.command()
@click.argument("services", nargs=-1, metavar="[SERVICE]…")
@options.output
def uninstall(services: tuple[str, ...], output: str) -> None:
    """Remove the section of each SERVICE from your pg_service.conf, or all of pgward's."""
    done = Installer(pgward_home(), terminal.note).uninstall(services)
    _tell(done, output, "there was no section")


def _tell(done: list[Done], output: str, empty: str) -> None:
    columns = {
        "service": "SERVICE",
        "state": "SECTION",
        "connects_to": "CONNECTS TO",
        "use": "USE",
    }
    terminal.table([each.row() for each in done], columns, output, empty=empty)


def _tell_old_readers(done: list[Done]) -> None:
    found = [each.facts for each in done if each.facts is not None]
    if any(longest(section(facts, "")) > MOST_IN_OLD_LINE for facts in found):
        terminal.note(
            "note: libpq 13 and older cannot read service files with lines this long;"
            " a shorter PGWARD_HOME helps"
        )


def _opened(service: str) -> bool:
    """Have the agent open the tunnel, if one runs; say what prevents it."""
    try:
        answer = agent.ask(
            pgward_home(), "connect", service=service, port=None, socket=False, for_file=True
        )
    except agent.AgentAwayError:
        return False
    except PgwardError as error:
        terminal.note(f"the agent cannot open the tunnel to {service} now: {error.message}")
        return True
    running = Running.read(answer["running"])
    if running.host.startswith("/"):
        terminal.note(f"the agent holds the tunnel to {service} on a Unix socket, not on a port")
    else:
        terminal.note(f"the agent holds the tunnel to {service} open, at {running.address}")
    return True


def _agent_runs() -> bool:
    try:
        return agent.running(pgward_home()) is not None
    except PgwardError as error:
        terminal.note(f"{error.message}: {error.hint}")
        return False


def _tell_closed(services: list[str], *, agent_runs: bool = False) -> None:
    """Say that nothing listens yet where a configuration leads to."""
    if services and agent_runs:
        terminal.note(f"the agent opens now: {', '.join(services)}")
    elif len(services) == 1:
        terminal.note(f"the tunnel is not open: pgward connect {services[0]} --detach")
    elif services:
        terminal.note(f"tunnels that are not open: {', '.join(services)}; pgward connect opens one")
