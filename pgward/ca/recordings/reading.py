"""Reading a recording: its pieces are fetched, decrypted, and compared with their hashes."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.audit.chain.encoding import encode
from pgward.audit.recording import pieces, sealing
from pgward.audit.recording.pieces import PieceError
from pgward.ca.archive.objects import ObjectStore
from pgward.ca.keys.sealing import Sealer
from pgward.ca.recordings import keys
from pgward.ca.store import Store
from pgward.ca.store.schema_recordings import recording_pieces
from pgward.core.errors import PgwardError, UnavailableError
from pgward.pki.age_keys import Identity

GOAL_BYTES = 4 * 1024 * 1024
MOST_PIECES = 1000
_COLUMNS = recording_pieces.c


@dataclass(frozen=True, slots=True)
class Page:
    """Lines of some pieces; ``after`` leads on, ``ended`` when the last of all was among them."""

    data: bytes
    after: int
    pieces: int
    ended: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """How much of a recording: one piece, and more within so many bytes, up to a number."""

    goal: int = GOAL_BYTES
    until: int | None = None


WHOLE: Final = Stretch()


def page(
    store: Store,
    objects: ObjectStore,
    sealer: Sealer,
    edge: str,
    session: str,
    *,
    after: int,
    stretch: Stretch = WHOLE,
    threads: Executor | None = None,
) -> Page:
    """Return the lines of the pieces behind a number; a line tells of what cannot be read.

    ``threads`` fetch several pieces at once: each is a request where objects are in a bucket.
    Raises UnavailableError.
    """
    with store.read() as connection:
        rows = _rows(connection, edge, session, after, stretch)
        wanted = {row["recipient"] for row in rows}
        identities = {text: _identity(connection, sealer, text) for text in wanted}

    def read(row: sa.RowMapping) -> bytes:
        get = partial(objects.get, row["object_key"], row["start"], row["start"] + row["size"])
        return _lines(row, get, identities[row["recipient"]])

    parts = list(map(read, rows) if threads is None else threads.map(read, rows))
    last = rows[-1] if rows else None
    return Page(
        data=b"".join(parts),
        after=after if last is None else last["number"],
        pieces=len(rows),
        ended=last is not None and last["is_last"],
    )


def summary(connection: Connection, edge: str, session: str) -> dict[str, Any] | None:
    """Return how much is recorded of a session; None if nothing is."""
    columns = (
        sa.func.count().label("pieces"),
        sa.func.sum(_COLUMNS.events).label("events"),
        sa.func.sum(_COLUMNS.plain_bytes).label("bytes"),
        sa.func.max(_COLUMNS.number).label("last"),
        sa.func.max(sa.case((_COLUMNS.is_last, 1), else_=0)).label("complete"),
    )
    wanted = sa.select(*columns).where(_COLUMNS.edge == edge, _COLUMNS.session == session)
    row = connection.execute(wanted).mappings().one()
    if not row["pieces"]:
        return None
    return {
        "pieces": row["pieces"],
        "events": int(row["events"]),
        "bytes": int(row["bytes"]),
        "missing": row["last"] - row["pieces"],
        "complete": bool(row["complete"]) and row["last"] == row["pieces"],
    }


def _lines(row: sa.RowMapping, get: Callable[[], bytes], identity: Identity | PgwardError) -> bytes:
    """Return a piece's lines, or one that says why they are lost; raise UnavailableError."""
    try:
        plain = sealing.unseal(get(), _usable(identity))
        pieces.check(plain, row["session"], row["number"], row["before"])
        if pieces.hash_of(plain) != row["sha256"]:
            raise PieceError("a piece is not the one that its edge vouched for")
    except UnavailableError:
        raise
    except PgwardError as error:
        lost = {"type": "LOST", "piece": row["number"], "why": error.message}
        return encode({**lost, "sha256": row["sha256"]}) + b"\n"
    return plain


def _identity(connection: Connection, sealer: Sealer, text: str) -> Identity | PgwardError:
    """Return who decrypts, or why nobody can: other pieces may be readable all the same."""
    try:
        return keys.identity_of(connection, sealer, text)
    except PgwardError as error:
        return error


def _usable(identity: Identity | PgwardError) -> Identity:
    if isinstance(identity, PgwardError):
        raise identity
    return identity


def _rows(
    connection: Connection, edge: str, session: str, after: int, stretch: Stretch
) -> Sequence[sa.RowMapping]:
    wanted = (
        sa.select(recording_pieces)
        .where(_COLUMNS.edge == edge, _COLUMNS.session == session, _COLUMNS.number > after)
        .order_by(_COLUMNS.number)
        .limit(MOST_PIECES)
    )
    if stretch.until is not None:
        wanted = wanted.where(_COLUMNS.number <= stretch.until)
    found: list[sa.RowMapping] = []
    size = 0
    for row in connection.execute(wanted).mappings():
        size += row["plain_bytes"]
        if found and size > stretch.goal:
            break
        found.append(row)
    return found
