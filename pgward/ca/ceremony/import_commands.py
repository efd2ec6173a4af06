"""``pgward ca import``."""

from pathlib import Path

import click

from pgward.ca.ceremony import importing
from pgward.ca.ceremony.importing import Imported
from pgward.ca.keys.keeper import KeyKeeper
from pgward.ca.settings import Settings
from pgward.ca.store import open_store
from pgward.client import options
from pgward.core.clock import SystemClock, rfc3339
from pgward.pki import fingerprint
from pgward.system import terminal

_PATH = click.Path(path_type=Path)


@click.command("import")
@click.argument("directory", metavar="DIR", type=_PATH)
@click.argument("paths", metavar="FILE…", type=_PATH, nargs=-1, required=True)
@click.option(
    "--passphrase-file",
    metavar="SOURCE",
    help="For a new key, instead of what pgward.toml says: FILE, fd:N, credential:NAME (systemd),"
    " keyring:NAME, or - for standard input.",
)
@click.option(
    "--pin-file",
    metavar="SOURCE",
    help="The PIN of the token that has the new key, from the same sources.",
)
@options.output
def import_signed(
    directory: Path,
    paths: tuple[Path, ...],
    passphrase_file: str | None,
    pin_file: str | None,
    output: str,
) -> None:
    """Take what a company's root signed for the subordinate CA in DIR.

    FILEs are PEM or DER, in any order: the certificates of the issuing CAs, that of the root, and
    the root's revocation list (CRL), which PostgreSQL wants as well. All is checked before anything
    is taken. A newer CRL, or a renewed certificate for the same key, is taken the same way, also
    while `ca serve` runs. With the certificate of a new key, for which `pgward ca rotate start`
    asked, the rotation to it begins.
    """
    settings = Settings.load(directory)
    keeper = KeyKeeper.open(
        directory, settings.keys, passphrase_source=passphrase_file, pin_source=pin_file
    )
    found = importing.read(paths)
    store = open_store(settings.store_url(directory))
    try:
        taken = importing.take(directory, store, found, keeper, SystemClock())
    finally:
        store.close()
        keeper.close()
    _report(directory, taken, output)


def _report(directory: Path, taken: Imported, output: str) -> None:
    certificates = [
        {
            "ca": chain.ca,
            "what": "certificate",
            "until": rfc3339(chain.issuing.not_valid_after_utc),
            "root": fingerprint.of(chain.root),
        }
        for chain in taken.chains
    ]
    lists = [
        {"ca": str(each.name), "what": "revocation list", "until": rfc3339(each.next_update)}
        for each in taken.lists
    ]
    terminal.table([*certificates, *lists], ["ca", "what", "until", "root"], output)
    for text in taken.warnings:
        terminal.note(f"warning: {text}")
    for rotation in taken.begun:
        terminal.note(f"new, and trusted from now on: {rotation.new_issuing}")
        terminal.note(f"give every other replica the key of {rotation.new_issuing}")
    if taken.begun:
        terminal.note("next: pgward ca rotate status, and pgward ca rotate advance")
    elif taken.missing:
        missing = ", ".join(taken.missing)
        terminal.note(f"still missing: the signed certificate of {missing}")
    else:
        terminal.note(f"next: pgward ca serve {directory}")
