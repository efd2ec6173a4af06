"""``pgward edge refused``: what the CA refused of an edge's records, and offering it once more."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pgward.client import options
from pgward.client.machine import Machine
from pgward.core.errors import NotFoundError, PgwardError
from pgward.system import terminal
from pgward.tunnel.edge.auditor.offering import Offering
from pgward.tunnel.edge.auditor.refused import Refused
from pgward.tunnel.edge.auditor.settings import PLACE
from pgward.tunnel.edge.auditor.shelf import DamagedChunkError, read_chunk

_WAIT_SECONDS = 10.0
_COLUMNS = {
    "chunk": "CHUNK",
    "records": "RECORDS",
    "first_time": "FROM",
    "last_time": "TO",
    "why": "WHY",
}
_OFFERED = {"chunk": "CHUNK", "taken": "TAKEN", "why": "WHY"}
_EMPTY = "the CA has refused nothing of this edge's"


@click.command("refused")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.argument("chunks", metavar="[CHUNK]...", nargs=-1)
@click.option("--offer", is_flag=True, help="Offer them to the CA once more.")
@options.output
def edge_refused(directory: Path, chunks: tuple[str, ...], output: str, *, offer: bool) -> None:
    """Show what the CA refused of an edge's records, which is kept in DIR/audit/refused.

    With `--offer`, after the cause was mended, they are offered once more, all or these CHUNKs; the
    edge may run meanwhile. What is taken is forgotten here.
    """
    machine, refused = Machine.load(directory), Refused(directory / PLACE)
    if unknown := sorted({*chunks} - {*refused.names}):
        raise NotFoundError(
            f"no chunk {unknown[0]!r} was refused", hint=f"pgward edge refused {directory}"
        )
    if offer:
        _offer(Offering(machine, refused), chunks, output)
    else:
        rows = [_row(refused, name) for name in refused.names if not chunks or name in chunks]
        terminal.table(rows, _COLUMNS, output, empty=_EMPTY)


def _offer(offering: Offering, chunks: Sequence[str], output: str) -> None:
    rows: list[dict[str, Any]] = []
    try:
        for each in offering.run(chunks, wait=_WAIT_SECONDS):
            taken = each.problem is None
            rows.append({"chunk": each.name, "taken": taken, "why": each.problem})
    finally:  # what was taken before the CA went away is told all the same
        terminal.table(rows, _OFFERED, output, empty=_EMPTY)
    left = sum(not row["taken"] for row in rows)
    if left:
        raise PgwardError(
            "1 chunk stays refused" if left == 1 else f"{left} chunks stay refused",
            hint="mend the cause, and offer them again; or remove what nobody wants",
        )


def _row(refused: Refused, name: str) -> dict[str, Any]:
    told = refused.told(name)
    row: dict[str, Any] = {"chunk": name, "records": None, "first_time": None, "last_time": None}
    try:
        about = read_chunk(refused.path(name))[0].manifest
    except DamagedChunkError as error:
        told = told or {"file": error.message}
    else:
        row |= {
            "records": about.lines,
            "first_time": about.first_time,
            "last_time": about.last_time,
        }
    why = "; ".join(f"{target}: {each}" for target, each in told.items())
    return row | {"why": why, "refused_by": told}
