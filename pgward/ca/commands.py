"""``pgward ca init`` and ``pgward ca serve``."""

import socket
from contextlib import suppress
from pathlib import Path

import click

from pgward.ca import building, logs, moving, passphrase
from pgward.ca import database_url as urls
from pgward.ca import init as creating
from pgward.ca.init import Made, Plan
from pgward.ca.key_settings import KeySettings
from pgward.ca.settings import CaSettings, ListenSettings, Settings
from pgward.client import options
from pgward.core import names
from pgward.core.address import Address
from pgward.core.clock import SystemClock
from pgward.core.errors import InvalidInputError
from pgward.system import process, terminal

_PATH = click.Path(path_type=Path)


class _AddressType(click.ParamType[Address]):
    name = "host:port"

    def convert(
        self, value: str | Address, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        if isinstance(value, Address):
            return value
        try:
            return Address.parse(value)
        except InvalidInputError as error:
            self.fail(error.message, param, ctx)


@click.command()
@click.argument("directory", metavar="DIR", type=_PATH)
@click.option("--name", default="pgward", show_default=True, help="Who this CA is, in its names.")
@click.option(
    "--dns",
    multiple=True,
    metavar="NAME",
    help="A DNS name of the CA's API, the first one for its URL; repeat it for more."
    "  [default: this machine's name and localhost]",
)
@click.option("--ip", multiple=True, metavar="ADDR", help="An IP address of the CA's API.")
@click.option(
    "--listen",
    type=_AddressType(),
    default="0.0.0.0:8443",
    show_default=True,
    help="Where `ca serve` will listen; port 0 lets the system choose at each start.",
)
@click.option(
    "--admin", metavar="NAME", default="admin", show_default=True, help="The first administrator."
)
@click.option(
    "--admin-password-file",
    metavar="FILE",
    help="The administrator's password, in the first line of FILE (- is standard input)."
    "  [default: asked for on a terminal, else generated]",
)
@click.option(
    "--passphrase-file",
    metavar="SOURCE",
    help="What encrypts the CA's keys: FILE, fd:N, credential:NAME (systemd), or - for standard"
    " input.  [default: generated, and kept in DIR/passphrase]",
)
@urls.option
@options.output
def init(
    *,
    directory: Path,
    name: str,
    dns: tuple[str, ...],
    ip: tuple[str, ...],
    listen: Address,
    admin: str,
    admin_password_file: str | None,
    passphrase_file: str | None,
    database_url: str | None,
    database_url_file: str | None,
    output: str,
) -> None:
    """Create a certificate authority in the directory DIR.

    It gets a user and a server hierarchy (a root and an issuing CA each), a store, the settings
    file pgward.toml, and a first administrator. Prints the fingerprint that people trust.

    With --database-url the store moves into that empty database at the end, as `pgward ca
    migrate-store` moves it.

    The roots' keys, DIR/keys/*-root.key, are needed to make or revoke an issuing CA and for
    nothing else: move them offline.
    """
    database = urls.chosen(database_url, database_url_file)
    settings = _settings(name, dns, ip, listen, passphrase_file)
    names.new_identity(admin)
    building.refuse_existing(directory.absolute())
    if database is not None:
        moving.check_free(database)
    plan = Plan(
        settings=settings,
        administrator=admin,
        password=_password(admin, admin_password_file),
        passphrase=None if passphrase_file is None else passphrase.read(passphrase_file),
    )
    with process.unwound_by_sigterm():
        made = creating.create_ca(directory, plan, SystemClock())
        if database is not None:
            moving.move(made.directory, database, SystemClock())
    _report(made, output)


@click.command()
@click.argument("directory", metavar="DIR", type=_PATH)
@click.option(
    "--listen", type=_AddressType(), help="Instead of what pgward.toml says; port 0 picks one."
)
@click.option(
    "--passphrase-file",
    metavar="SOURCE",
    help="Instead of what pgward.toml says: FILE, fd:N, credential:NAME (systemd), keyring:NAME,"
    " or - for standard input.",
)
@click.option(
    "--pin-file",
    metavar="SOURCE",
    help="The PIN of the token that has the keys, from the same sources.",
)
@click.option(
    "--ready-file",
    metavar="FILE",
    type=_PATH,
    help="Write url, address, fingerprint and pid there as JSON, once it serves.",
)
@urls.option
@click.option(
    "--metrics", type=_AddressType(), help="Serve http://HOST:PORT/metrics to Prometheus there."
)
@click.option("--log-format", type=click.Choice(["text", "json"]), help="How to log.")
@click.option(
    "--traces",
    type=click.Choice(["none", "otlp"]),
    help="Send traces where OTEL_EXPORTER_OTLP_ENDPOINT says.",
)
def serve(
    *,
    directory: Path,
    listen: Address | None,
    passphrase_file: str | None,
    pin_file: str | None,
    ready_file: Path | None,
    database_url: str | None,
    database_url_file: str | None,
    metrics: Address | None,
    log_format: str | None,
    traces: str | None,
) -> None:
    """Serve the HTTPS API of the CA in DIR, until SIGTERM or Ctrl-C.

    Prints `listening HOST:PORT` on standard output when it is ready. The roots' keys may be away.
    Several may serve one database, each with a copy of DIR: see docs/how-to/several-replicas.md.
    """
    from pgward.ca import serve as serving  # noqa: PLC0415 - the HTTP service is slow to import

    store = urls.chosen(database_url, database_url_file)
    logs.to_terminal()
    options = serving.Options(
        listen=listen,
        passphrase_source=passphrase_file,
        pin_source=pin_file,
        ready_file=ready_file,
        database_url=store,
        metrics=metrics,
        log_format=log_format,
        traces=traces,
    )
    serving.run(directory, options)


def _settings(
    name: str,
    dns: tuple[str, ...],
    ips: tuple[str, ...],
    listen: Address,
    passphrase_source: str | None,
) -> Settings:
    if not dns and not ips:
        dns, ips = _own_names(listen.host), ("127.0.0.1",)
    host = dns[0] if dns else ips[0]
    settings = Settings(
        ca=CaSettings(name, f"https://{Address(host, listen.port)}", dns, ips),
        listen=ListenSettings(listen.host, listen.port),
        keys=KeySettings(_remembered(passphrase_source)),
    )
    try:
        settings.check()
    except InvalidInputError as error:  # it names the section of a file that is not there yet
        error.message = error.message.removeprefix(f"{error.where}: ")
        raise
    return settings


def _own_names(listening: str) -> tuple[str, ...]:
    if listening in ("127.0.0.1", "::1", "localhost"):
        return ("localhost",)
    found = []
    with suppress(InvalidInputError):  # a host name with an underscore, say
        found.append(names.dns_name(socket.gethostname()))
    return (*found, "localhost") if found != ["localhost"] else ("localhost",)


def _remembered(source: str | None) -> str:
    """Return what `ca serve` can read again: not a pipe, a descriptor or standard input."""
    if source is None or source == "-" or source.startswith("fd:"):
        return ""
    if source.startswith("credential:"):
        return source
    path = Path(source).absolute()
    return str(path) if path.is_file() else ""


def _password(administrator: str, file: str | None) -> str | None:
    if file == "-":
        return terminal.read_stdin_line()
    if file is not None:
        return _first_line(Path(file))
    if terminal.interactive():
        return terminal.ask_password(f"Password for {administrator}", confirm=True)
    return None


def _first_line(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as lines:
            line = lines.readline(4096).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError("the password cannot be read", where=str(path)) from error
    if not line:
        raise InvalidInputError("the first line is empty", where=str(path))
    return line


def _report(made: Made, output: str) -> None:
    shown = {
        "directory": str(made.directory),
        "url": made.url,
        "fingerprint": made.fingerprint,
        "administrator": made.administrator,
        "password_file": made.password_file and str(made.password_file),
        "passphrase_file": made.passphrase_file and str(made.passphrase_file),
    }
    titles = {key: key.replace("_", " ") for key, value in shown.items() if value is not None}
    terminal.record(shown, titles, output)
    terminal.note(_next_steps(made))


def _next_steps(made: Made) -> str:
    url = "URL (`ca serve` prints it)" if made.url.endswith(":0") else made.url
    login = f"--ca {url} --fingerprint {made.fingerprint} --user {made.administrator}"
    lines = ["", "next:", f"  pgward ca serve {made.directory}", f"  pgward login {login}"]
    if made.passphrase_file is not None:
        lines += ["", f"keep a copy of {made.passphrase_file} elsewhere: it opens the CA's keys"]
    return "\n".join(lines)
