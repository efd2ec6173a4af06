"""``pgward ca log verify | export``: an audit of the store, or of what the API says."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from sqlalchemy.engine import Connection

from pgward.ca.log import audit as log_audit
from pgward.ca.log import continuity as continuities
from pgward.ca.log import export as log_export
from pgward.ca.log import key as log_key
from pgward.ca.log.audit import Report
from pgward.ca.settings import Settings
from pgward.ca.store import open_store
from pgward.ca.store.inspecting import open_read_only
from pgward.ca.store.postgresql import be_patient
from pgward.client import log_commands as clients
from pgward.client import options
from pgward.client.phrases import counted, when
from pgward.client.witness import seen_heads
from pgward.core.clock import SystemClock
from pgward.core.errors import InvalidInputError
from pgward.pki import tree_head
from pgward.pki.errors import LogError
from pgward.pki.tree_head import TreeHead
from pgward.system import terminal
from pgward.system.files import storage_errors
from pgward.system.paths import pgward_home

_PATH = click.Path(path_type=Path)
_MAX_HEAD_FILE = 64 * 1024


@click.command()
@click.argument("directory", metavar="[DIR]", type=_PATH, required=False)
@click.option(
    "--head",
    "heads",
    multiple=True,
    type=_PATH,
    metavar="FILE",
    help="A head that somebody kept (`ca log head -o json`); repeat it for more.",
)
@click.option(
    "--log-key",
    type=_PATH,
    metavar="FILE",
    help="The log's public key as you know it.  [default: DIR/certs/log.pub]",
)
@options.output
def verify(
    directory: Path | None, heads: tuple[Path, ...], log_key: Path | None, output: str
) -> None:
    """Check that the CA's records are those that it logged and signed.

    With DIR, the directory of the CA, each certificate in the store is hashed again and compared
    with its entry, the entries with the tree, and the tree with every signed head. Names each row
    that was altered, deleted or put in. Heads that you saw here before are compared, too. Reads
    only, and may run while the CA serves.

    Without DIR it asks the CA that you are logged in to: whether the log continues what was seen
    here before, and whether it has all your certificates.
    """
    if directory is None:
        if heads or log_key:
            raise InvalidInputError("--head and --log-key are for the store", hint="name DIR")
        _verify_api(output)
        return
    key = tree_head.load_key(_read(log_key)) if log_key else None
    _verify_store(directory, [_head(each) for each in heads], key, output)


@click.command()
@click.argument("directory", metavar="DIR", type=_PATH)
@click.argument("file", type=_PATH)
def export(directory: Path, file: Path) -> None:
    """Write all entries of the log in DIR to FILE, as JSON lines: an archive before a purge.

    The last line is the newest signed head. FILE must not exist.
    """
    with _reading(directory) as connection, storage_errors(file):
        count = log_export.write(connection, file)
    terminal.report(entries=count, file=str(file))
    terminal.note(f"wrote {count} entries to {file}")


@click.command()
@click.argument("directory", metavar="DIR", type=_PATH)
def accept(directory: Path) -> None:
    """Go on with a store that lacks entries of the log which this replica has seen.

    For a database that went back in time when what it lacks is lost for good: `ca serve` refuses it
    until then. What was lost goes on record, and into a file in DIR. Do it at every replica. People
    who saw the later log are told that it contradicts itself, rightly.
    """
    store = open_store(Settings.load(directory).store_url(directory))
    try:
        kept = continuities.accept(directory, store, SystemClock())
    finally:
        store.close()
    terminal.report(kept=str(kept))
    terminal.note(f"the store is accepted as it is; what it lacks is named in {kept}")


def _verify_api(output: str) -> None:
    with options.session() as session:
        seen = clients.witness(session).update(session.api())
        clients.warn_if_stale(seen.head)
        count = sum(1 for _ in clients.own_certificates(session))
        shown = {"user": session.user.name, "certificates": count, **seen.head.to_json()}
    if seen.before is not None:
        shown["before"] = seen.before.to_json()
    titles = {"user": "user", "certificates": "certificates", "size": "entries", "root": "root"}
    terminal.record(shown, titles | {"time": "signed at", "log_id": "log"}, output)
    terminal.note("the log holds all your certificates, and continues what was seen before")


def _verify_store(directory: Path, witnessed: Sequence[TreeHead], key: Any, output: str) -> None:
    public = key or log_key.public(directory)
    witnessed = [*witnessed, *seen_heads(pgward_home(), tree_head.log_id(public))]
    with _reading(directory) as connection:
        report = log_audit.audit(connection, public, witnessed=witnessed)
    if output == "table":
        _tell(report)
    else:
        terminal.structured(report.to_json(), output)
    if report.problems:
        problems = counted(len(report.problems), "problem")
        raise LogError(
            f"the CA's records are not those that it signed: {problems}",
            hint="keep a copy of the store as it is, and compare it with a backup",
        )
    terminal.note(_in_order(report, witnessed))


def _tell(report: Report) -> None:
    now = SystemClock().now()
    signed = "never" if report.signed_at is None else when(report.signed_at, now)
    shown = {
        "log": report.log_id,
        "entries": report.leaves,
        "purged": report.purged,
        "heads": report.heads,
        "signed": f"{report.signed_leaves} entries, {signed}",
    }
    terminal.record(shown)
    for problem in report.problems:
        terminal.echo(terminal.clean(str(problem)))


def _in_order(report: Report, witnessed: Sequence[TreeHead]) -> str:
    late = report.leaves - report.signed_leaves
    lines = ["every certificate is as it was logged, and the log is as it was signed"]
    if late > 0:
        newest = "the newest entry is" if late == 1 else f"the newest {late} entries are"
        lines.append(f"{newest} in no signed head yet")
    if not witnessed:
        lines.append("a log cut with its heads is seen only by who kept one: --head FILE")
    return "\n".join(lines)


@contextmanager
def _reading(directory: Path) -> Iterator[Connection]:
    store = open_read_only(Settings.load(directory).store_url(directory))
    try:
        with store.read() as connection:
            be_patient(connection)
            yield connection
    finally:
        store.close()


def _read(path: Path) -> bytes:
    with storage_errors(path, "read"), path.open("rb") as file:
        return file.read(_MAX_HEAD_FILE)


def _head(path: Path) -> TreeHead:
    """Read a head: the JWS itself, or JSON that has it as ``jws`` or ``head``."""
    text = _read(path).decode("ascii", "replace").strip()
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except ValueError as error:
            raise InvalidInputError("it holds no head of a log", where=str(path)) from error
        text = str(found.get("jws") or found.get("head") or found.get("before") or "")
    try:
        return tree_head.read(text)
    except LogError as error:
        raise InvalidInputError(error.message, where=str(path)) from error
