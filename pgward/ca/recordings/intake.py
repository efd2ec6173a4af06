"""Taking parcels in: what is here stays as it is, and only its own edge adds to a recording."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.audit.events import AuditEvent
from pgward.audit.recording import parcel
from pgward.audit.recording.parcel import Place
from pgward.ca import caller
from pgward.ca.archive.objects import ObjectStore
from pgward.ca.store import Store, Transaction
from pgward.ca.store.schema_recordings import recording_pieces
from pgward.core.clock import Clock, parse_rfc3339
from pgward.core.errors import InvalidInputError, UnacceptableError

_SESSION = re.compile(r"[0-9a-f]{16}-[0-9]{1,20}")
_HASH = re.compile(r"[0-9a-f]{64}")
_MOST = 2**62
_COLUMNS = recording_pieces.c
_SUFFIX = ".parcel"
Known = dict[tuple[str, int], str]

PARCELS = "recordings/"
"""What the keys of all parcels begin with."""


class Sender(Protocol):
    """The edge that a parcel comes from, and its name in audit events."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def actor(self) -> str:
        """``edge:NAME``."""
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """How many pieces are new, and those (session, number) that are here with another content."""

    kept: int
    refused: tuple[tuple[str, int], ...]


def take(
    store: Store, objects: ObjectStore, clock: Clock, edge: Sender, *, digest: str, data: bytes
) -> Taken:
    """Keep the pieces of a parcel whose SHA-256 (hex) is ``digest``.

    Raises UnacceptableError (it is damaged, or not this edge's, and so it stays),
    InvalidInputError (another was to come), UnavailableError.
    """
    if sha256(data).hexdigest() != digest:
        raise InvalidInputError("the parcel is not the one that was to be sent")
    try:
        places = parcel.read(data)
        rows = [_row(place, edge.name, key_of(edge.name, digest)) for place in places]
    except InvalidInputError as error:
        raise UnacceptableError(error.message) from error
    with store.read() as connection:
        new, refused = _sorted(rows, _known(connection, edge.name, places))
    if not (new or refused):
        return Taken(0, ())
    now = clock.now()
    if new:
        objects.put_if_absent(key_of(edge.name, digest), data)
    with store.write() as transaction:
        new, refused = _sorted(rows, _known(transaction.connection, edge.name, places))
        if new:
            received = [{**row, "received_at": now} for row in new]
            transaction.execute(sa.insert(recording_pieces), received)
        for row in refused:
            _note(transaction, edge, row, now)
    return Taken(len(new), tuple((row["session"], row["number"]) for row in refused))


def key_of(edge: str, digest: str) -> str:
    """Return the key of a parcel's object."""
    return f"{PARCELS}{edge}/{digest}{_SUFFIX}"


def place_of(key: str) -> tuple[str, str]:
    """Return the edge and the digest in a parcel's key."""
    edge, _, name = key.removeprefix(PARCELS).partition("/")
    return edge, name.removesuffix(_SUFFIX)


def _row(place: Place, edge: str, key: str) -> dict[str, Any]:
    info = place.info
    named = _SESSION.fullmatch(info.session) and _HASH.fullmatch(info.sha256)
    linked = bool(_HASH.fullmatch(info.before)) if info.number > 1 else not info.before
    counts = (info.number, info.events + 1, info.plain_bytes)
    if not named or not linked or not all(0 < count < _MOST for count in counts):
        raise InvalidInputError("a piece of a recording is not described as it must be")
    if info.fields.get("edge", edge) != edge or len(info.recipient) > _MOST_RECIPIENT:
        raise InvalidInputError("a piece of a recording is of another edge, or for nobody here")
    return {
        "edge": edge,
        "session": info.session,
        "number": info.number,
        "before": info.before,
        "sha256": info.sha256,
        "recipient": info.recipient,
        "object_key": key,
        "start": place.start,
        "size": place.size,
        "events": info.events,
        "plain_bytes": info.plain_bytes,
        "first_time": _moment(info.first_time),
        "last_time": _moment(info.last_time),
        "is_last": info.last,
    }


_MOST_RECIPIENT = 80


def _known(connection: Connection, edge: str, places: Sequence[Place]) -> Known:
    """Return the hashes of those pieces that are here already."""
    sessions = sorted({place.info.session for place in places})
    least = min(place.info.number for place in places)
    wanted = sa.select(_COLUMNS.session, _COLUMNS.number, _COLUMNS.sha256)
    found: Known = {}
    for start in range(0, len(sessions), 500):
        some = sessions[start : start + 500]
        mine = (_COLUMNS.edge == edge, _COLUMNS.session.in_(some), _COLUMNS.number >= least)
        for row in connection.execute(wanted.where(*mine)):
            found[row.session, row.number] = row.sha256
    return found


def _sorted(
    rows: Sequence[dict[str, Any]], known: Known
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows that are new, and those that are here with another content."""
    new, refused, seen = [], [], dict(known)
    for row in rows:
        key = (row["session"], row["number"])
        if key not in seen:
            seen[key] = row["sha256"]
            new.append(row)
        elif seen[key] != row["sha256"]:
            refused.append(row)
    return new, refused


def _note(transaction: Transaction, edge: Sender, row: dict[str, Any], now: datetime) -> None:
    transaction.record(
        AuditEvent.make(
            time=now,
            actor=edge.actor,
            action="recording.refuse",
            outcome="failed",
            target=row["session"],
            reason="another piece of the recording is kept in its place",
            client=caller.client.get(),
            details={"piece": row["number"], "sha256": row["sha256"]},
        )
    )


def _moment(text: str) -> datetime:
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError) as error:
        raise InvalidInputError("a piece of a recording has no time") from error
