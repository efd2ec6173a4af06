"""``pgward ca ceremony verify``."""

from pathlib import Path

import click

from pgward.ca.ceremony import transcript as ceremony
from pgward.ca.ceremony.check import Outcome, Places, check
from pgward.ca.keys import passphrase
from pgward.client import options
from pgward.core.errors import InvalidInputError, PgwardError
from pgward.system import files, terminal

_PATH = click.Path(path_type=Path)
_MAX_BYTES = 256 * 1024


@click.command()
@click.argument("transcript", metavar="FILE", type=_PATH)
@click.option(
    "--directory",
    metavar="DIR",
    type=_PATH,
    help="The CA's directory.  [default: the one that FILE is in]",
)
@click.option("--sha256", metavar="HEX", help="What a witness wrote down: the seal of FILE.")
@click.option("--root-keys", metavar="OUT", type=_PATH, help="Where the roots' keys are.")
@click.option(
    "--root-passphrase-file",
    metavar="SOURCE",
    help="Opens the roots' keys, to see that they are those of the certificates.",
)
@options.output
def verify(
    *,
    transcript: Path,
    directory: Path | None,
    sha256: str | None,
    root_keys: Path | None,
    root_passphrase_file: str | None,
    output: str,
) -> None:
    """Check the transcript of a ceremony against what is there.

    Certificates by their profile and signatures, every file by its SHA-256, and the roots' keys
    where they can be read. Ends with 1 when anything is wrong.
    """
    data = _read(transcript)
    found = ceremony.read(data)
    if sha256 is not None and sha256.strip().lower() != ceremony.sealed_by(data):
        raise PgwardError("this is another transcript than the one whose SHA-256 was written down")
    secret = None if root_passphrase_file is None else passphrase.read(root_passphrase_file)
    findings = check(found, Places(directory or transcript.absolute().parent, root_keys, secret))
    rows = [{"outcome": each.outcome.value, "what": each.text} for each in findings]
    terminal.table(rows, {"outcome": "outcome", "what": "what"}, output)
    wrong = sum(each.outcome is Outcome.WRONG for each in findings)
    if wrong:
        raise PgwardError(f"{wrong} of {len(findings)} checks failed")
    terminal.note(
        f"made {found.fact('when')} by {found.fact('who')}; sealed {ceremony.sealed_by(data)}"
    )


def _read(path: Path) -> bytes:
    try:
        return files.read_regular(path, _MAX_BYTES)
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise InvalidInputError(reason, where=str(path)) from error
