"""``pgward ca init``."""

import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from pgward.ca.backup import moving
from pgward.ca.ceremony import building, circumstances, init_report
from pgward.ca.ceremony import init as creating
from pgward.ca.ceremony.init import Plan
from pgward.ca.ceremony.init_keys import Offline, needs_passphrase
from pgward.ca.http.address_type import AddressType
from pgward.ca.keys import passphrase, reference
from pgward.ca.keys.pkcs11_uri import Pkcs11Uri
from pgward.ca.keys.settings import KeySettings
from pgward.ca.settings import CaSettings, ListenSettings, Settings
from pgward.ca.store import database_url as urls
from pgward.client import options
from pgward.core import names
from pgward.core.address import Address
from pgward.core.clock import SystemClock
from pgward.core.errors import InvalidInputError
from pgward.pki.key_types import KeyType
from pgward.system import process, terminal

_PATH = click.Path(path_type=Path)
_KEY_TYPE = click.Choice([each.value for each in KeyType])
_ED25519 = """\
warning: the CAs of servers get Ed25519 keys. PostgreSQL's clients cannot log in with SCRAM channel
binding to a server whose certificate such a CA signed ("could not find digest for NID UNDEF");
channel_binding=require fails. Choose another one with --server-key-type p256"""


@dataclass(frozen=True, slots=True)
class _KeyOptions:
    """The options about keys, as they were given."""

    type: str
    server_type: str | None
    place: str
    module: str | None
    passphrase: str | None
    pin: str | None

    def settings(self) -> KeySettings:
        """Return the section [keys]."""
        return KeySettings(
            passphrase_file=_remembered(self.passphrase),
            pin_file=_remembered(self.pin),
            type=self.type,
            server_type=self.server_type or "",
            place=self.place,
            pkcs11_module=self.module or "",
        )


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
    type=AddressType(),
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
    help="What encrypts the CA's keys: FILE, fd:N, credential:NAME (systemd), keyring:NAME, or -"
    " for standard input.  [default: generated, and kept in DIR/passphrase]",
)
@click.option(
    "--key-type", type=_KEY_TYPE, default=KeyType.P256.value, show_default=True, help="Of all CAs."
)
@click.option("--server-key-type", type=_KEY_TYPE, help="Of the CAs of servers, if it differs.")
@click.option(
    "--keys-in",
    "place",
    metavar="PLACE",
    default="file:keys",
    show_default=True,
    help="Where the keys are made and stay: file:DIRECTORY (from DIR on), pkcs11:token=LABEL, or"
    " exec:PROGRAM, a helper that speaks pgward-signer/1.",
)
@click.option("--pkcs11-module", metavar="FILE", help="The library that came with the token.")
@click.option("--pin-file", metavar="SOURCE", help="The token's PIN, from the same sources.")
@click.option(
    "--root-key-out",
    metavar="OUT",
    type=_PATH,
    help="Write the roots' keys into the new directory OUT, on a medium to lock away, and not"
    " into DIR.",
)
@click.option(
    "--root-passphrase-file",
    metavar="SOURCE",
    help="What encrypts the roots' keys in OUT.  [default: asked for on a terminal]",
)
@click.option(
    "--subordinate",
    is_flag=True,
    help="Make requests to a company's root instead of roots of our own.",
)
@urls.option
@click.option(
    "--witness", multiple=True, metavar="NAME", help="Who was there, for the transcript; repeat it."
)
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
    key_type: str,
    server_key_type: str | None,
    place: str,
    pkcs11_module: str | None,
    pin_file: str | None,
    root_key_out: Path | None,
    root_passphrase_file: str | None,
    subordinate: bool,
    database_url: str | None,
    database_url_file: str | None,
    witness: tuple[str, ...],
    output: str,
) -> None:
    """Create a certificate authority in the directory DIR.

    It gets a user and a server hierarchy (a root and an issuing CA each), a store, the settings
    file pgward.toml, and a first administrator. Prints the fingerprint that people trust.

    With --database-url the store moves into that empty database at the end, as `pgward ca
    migrate-store` moves it.

    The roots' keys are needed to make or revoke an issuing CA and for nothing else: keep them
    offline, with --root-key-out, or by moving DIR/keys/*-root.key.

    DIR/ceremony.txt tells what was made, by whom, where and when: `pgward ca ceremony verify`
    checks it. With --subordinate, DIR/requests has what the company's root is to sign, and
    `pgward ca import` takes what comes back.
    """
    database = urls.chosen(database_url, database_url_file)
    given = _KeyOptions(key_type, server_key_type, place, pkcs11_module, passphrase_file, pin_file)
    settings = _settings(name, dns, ip, listen, given)
    names.new_identity(admin)
    building.refuse_existing(directory.absolute())
    if database is not None:
        moving.check_free(database)
    keys = settings.keys
    if KeyType.ED25519 in (keys.type, keys.server_type) and keys.server_type in (
        "",
        KeyType.ED25519,
    ):
        terminal.note(_ED25519)
    plan = Plan(
        settings=settings,
        administrator=admin,
        password=_password(admin, admin_password_file),
        passphrase=_key_passphrase(given, settings),
        pin=_pin(given, directory),
        offline=_offline(root_key_out, root_passphrase_file),
        subordinate=subordinate,
        circumstances=circumstances.of_this_process(witness),
    )
    with process.unwound_by_sigterm():
        made = creating.create_ca(directory, plan, SystemClock())
        if database is not None:
            moving.move(made.directory, database, SystemClock())
    init_report.show(made, output)


def _settings(
    name: str, dns: tuple[str, ...], ips: tuple[str, ...], listen: Address, given: _KeyOptions
) -> Settings:
    if not dns and not ips:
        dns, ips = _own_names(listen.host), ("127.0.0.1",)
    host = dns[0] if dns else ips[0]
    settings = Settings(
        ca=CaSettings(name, f"https://{Address(host, listen.port)}", dns, ips),
        listen=ListenSettings(listen.host, listen.port),
        keys=given.settings(),
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
    if source.startswith(("credential:", "keyring:")):
        return source
    path = Path(source).absolute()
    return str(path) if path.is_file() else ""


def _key_passphrase(given: _KeyOptions, settings: Settings) -> bytes | None:
    if given.passphrase is None:
        return None
    if not needs_passphrase(settings.keys):
        raise InvalidInputError(
            "--passphrase-file is for keys in files",
            hint="a token's PIN comes with --pin-file; the roots' keys in files have"
            " --root-passphrase-file",
        )
    return passphrase.read(given.passphrase)


def _pin(given: _KeyOptions, directory: Path) -> bytes | None:
    if not isinstance(reference.parse_place(given.place), Pkcs11Uri):
        return None
    return passphrase.obtain_pin(given.pin, KeySettings(), directory)


def _offline(directory: Path | None, source: str | None) -> Offline | None:
    if directory is None:
        if source is not None:
            raise InvalidInputError("--root-passphrase-file says nothing without --root-key-out")
        return None
    if source is not None:
        return Offline(directory, passphrase.read(source))
    if not terminal.interactive():
        raise InvalidInputError(
            "the roots' keys need a passphrase of their own", hint="--root-passphrase-file"
        )
    asked = terminal.ask_password("Passphrase for the roots' keys", confirm=True)
    return Offline(directory, passphrase.check(asked.encode(), "the passphrase for the roots"))


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
