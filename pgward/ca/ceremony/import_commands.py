"""``pgward ca import``."""

from pathlib import Path

import click

from pgward.ca.ceremony import importing
from pgward.ca.ceremony.importing import Imported
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
@options.output
def import_signed(directory: Path, paths: tuple[Path, ...], output: str) -> None:
    """Take what a company's root signed for the subordinate CA in DIR.

    FILEs are PEM or DER, in any order: the certificates of the issuing CAs, that of the root, and
    the root's revocation list (CRL), which PostgreSQL wants as well. All is checked before anything
    is taken. A newer CRL, or a renewed certificate for the same key, is taken the same way, also
    while `ca serve` runs.
    """
    settings = Settings.load(directory)
    found = importing.read(paths)
    store = open_store(settings.store_url(directory))
    try:
        taken = importing.take(directory, store, found, SystemClock())
    finally:
        store.close()
    _report(directory, taken, output)


def _report(directory: Path, taken: Imported, output: str) -> None:
    certificates = [
        {
            "ca": str(chain.name),
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
    if taken.missing:
        missing = ", ".join(taken.missing)
        terminal.note(f"still missing: the signed certificate of {missing}")
    else:
        terminal.note(f"next: pgward ca serve {directory}")
