"""``pgward ca rotate start``: on the CA's machine, for it makes keys and needs a root's."""

from collections.abc import Sequence
from pathlib import Path

import click

from pgward.ca.generations import ROOTS, Generation
from pgward.ca.keys import key_file, passphrase, reference
from pgward.ca.keys import options as key_options
from pgward.ca.keys.keeper import KeyKeeper
from pgward.ca.keys.signer import KeySigner, Signer
from pgward.ca.records import CaName
from pgward.ca.rotation import making, succession
from pgward.ca.rotation.making import Plan
from pgward.ca.settings import Settings
from pgward.ca.standing import adopt_files
from pgward.ca.store import Store, open_store
from pgward.ca.store import authorities as stored
from pgward.ca.store import database_url as urls
from pgward.core.clock import SystemClock
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError
from pgward.system import process, terminal

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("what", type=click.Choice(["issuing", "root"]))
@click.argument("directory", metavar="DIR", type=_PATH)
@click.option(
    "--hierarchy",
    "side",
    type=click.Choice(["user", "server"]),
    required=True,
    help="Whose CA: that of people, or that of edges and servers.",
)
@click.option(
    "--root-key",
    type=_PATH,
    metavar="FILE",
    help="The present root's key, when it is not in DIR.",
)
@click.option(
    "--root-passphrase-file",
    metavar="SOURCE",
    help="What decrypts that file: FILE, fd:N, credential:NAME (systemd), or - for standard"
    " input.  [default: as the other keys]",
)
@click.option(
    "--without-root-key",
    is_flag=True,
    help="Replace a root whose key is lost: who knows only the old one cannot be led to the new.",
)
@key_options.opening
@urls.option
def start(
    *,
    what: str,
    directory: Path,
    side: str,
    root_key: Path | None,
    root_passphrase_file: str | None,
    without_root_key: bool,
    passphrase_file: str | None,
    pin_file: str | None,
    database_url: str | None,
    database_url_file: str | None,
) -> None:
    """Begin to replace an issuing CA, or a root with the issuing CA below it.

    Makes the new keys and certificates in the CA directory DIR. From now on they are trusted
    everywhere; nothing is issued from them before `pgward ca rotate advance`. The CA may serve
    meanwhile, and needs no restart. Run it again when it was cut off. Below a company's root it
    makes a key and a request, and `pgward ca import` of what the company signed begins it.
    """
    settings = Settings.load(directory)
    keeper = KeyKeeper.open(
        directory, settings.keys, passphrase_source=passphrase_file, pin_source=pin_file
    )
    target = CaName(f"{side}-{what}")
    database = urls.chosen(database_url, database_url_file)
    store = open_store(database or settings.store_url(directory))
    try:
        with process.unwound_by_sigterm():
            adopt_files(store, directory, keeper)
            root = _root(store, target)
            if root_key is None and succession.is_below_a_company(directory, keeper, root):
                _ask(store, directory, keeper, target, settings.ca.name)
                return
            signer = None
            if not without_root_key:
                signer = _key_file(keeper, root_key, root_passphrase_file)
                signer = signer or _own_key(keeper, root)
            plan = Plan(target, settings.ca.name, signer)
            rotation = making.start(store, directory, keeper, plan, SystemClock())
        with store.read() as connection:
            known = stored.read(connection)
    finally:
        store.close()
    terminal.echo(rotation.id, fact="rotation")
    new = [known.get(name) for name in rotation.new]
    terminal.report(new=[{"id": each.id, "key": each.key} for each in new])
    terminal.note(_next(new))


def _root(store: Store, target: CaName) -> Generation:
    with store.read() as connection:
        return stored.read(connection).current(ROOTS.get(target, target))


def _key_file(keeper: KeyKeeper, file: Path | None, source: str | None) -> Signer | None:
    """Read the key that the command line names, if it does."""
    if file is None:
        if source is not None:
            raise InvalidInputError("--root-passphrase-file is for --root-key")
        return None
    if source is None:
        return keeper.load(f"{reference.FILE}{file.absolute()}")
    return KeySigner(key_file.load(file, passphrase.read(source)))


def _ask(store: Store, directory: Path, keeper: KeyKeeper, target: CaName, name: str) -> None:
    """Ask the company whose root is above us for the next CA."""
    if target not in ROOTS:
        raise ConflictError(
            f"the {target} CA is the company's: what another root signs needs a CA of its own",
            hint="a new key below the same root: pgward ca rotate start issuing",
        )
    request = succession.ask(store, directory, keeper, target, name=name, clock=SystemClock())
    terminal.echo(str(request), fact="request")
    terminal.note(
        "have this request signed by the company's root, as the first one was, then: pgward ca"
        f" import {directory} FILE…\n"
        "until then nothing changes, and the same command says this again"
    )


def _own_key(keeper: KeyKeeper, root: Generation) -> Signer:
    try:
        return keeper.load(root.key)
    except NotFoundError as error:
        raise NotFoundError(
            f"the key of {root.id} is not here: {error.message}",
            hint="bring it back for this command, or name it with --root-key FILE",
        ) from error


def _next(new: Sequence[Generation]) -> str:
    lines = [f"new, and trusted from now on: {', '.join(each.id for each in new)}"]
    lines += [f"the key of {each.id} is {each.key}" for each in new]
    if len(new) > 1:
        lines.append(f"move the key of {new[0].id} offline, as the old root's")
    lines += [
        f"give every other replica the key of {new[-1].id}",
        "next: pgward ca rotate status, and pgward ca rotate advance",
    ]
    return "\n".join(lines)
