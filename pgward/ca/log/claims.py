"""What the log itself says of certificates later on: that they were revoked, or purged."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.store.certificates import REVOKED
from pgward.ca.store.log_purge import digest_of
from pgward.ca.store.schema import certificates
from pgward.ca.store.schema_log import log_leaves
from pgward.core.clock import rfc3339
from pgward.pki import log_entry, merkle
from pgward.pki.log_entry import BadEntryError, EntryType, PurgeEntry, RevocationEntry

Add = Callable[[str, object, str], None]  # of a problem: table, row, what


class Purges:
    """Which leaves' certificates were purged, and by which leaf; ``serials`` is filled later."""

    def __init__(self, connection: Connection, add: Add) -> None:
        self.serials: set[str] = set()
        self._by_index: dict[int, int] = {}
        statement = sa.select(log_leaves).where(log_leaves.c.type == int(EntryType.PURGE))
        for leaf in connection.execute(statement).mappings().all():
            entry = _decode(leaf, add)
            if isinstance(entry, PurgeEntry):
                self._take(connection, leaf["log_index"], entry, add)

    def of(self, log_index: int) -> int | None:
        """Return the leaf that says so, or None."""
        return self._by_index.get(log_index)

    def _take(self, connection: Connection, at: int, entry: PurgeEntry, add: Add) -> None:
        hashes: list[bytes] = []
        for first, end in entry.ranges:
            found = log_leaves.c.log_index.between(first, end - 1)
            statement = sa.select(log_leaves.c.hash).where(found).order_by(log_leaves.c.log_index)
            hashes += connection.execute(statement).scalars()
        if digest_of(hashes) != entry.digest:
            add("log_leaves", at, "it says what was purged, and these entries are other ones now")
        self._by_index |= dict.fromkeys(entry.indexes(), at)


class Revocations:
    """The last revocation of each serial number, against the state of its row."""

    def __init__(self, add: Add) -> None:
        self._add = add
        self._entries: dict[str, tuple[int, RevocationEntry]] = {}

    def add(self, leaf: sa.RowMapping) -> None:
        """Take a leaf of the type REVOCATION whose hash holds."""
        entry = _decode(leaf, self._add)
        if isinstance(entry, RevocationEntry):
            self._entries[entry.serial] = leaf["log_index"], entry

    def check_rows(self, connection: Connection, purges: Purges) -> None:
        """Compare: revoked here and there, at the same time, for the same reason."""
        columns = certificates.c
        statement = sa.select(columns.serial, columns.state, columns.revoked_at, columns.reason)
        revoked = sa.or_(columns.revoked_at.is_not(None), columns.state == REVOKED)
        left = dict(self._entries)
        for row in connection.execute(statement.where(revoked)):
            logged = left.pop(row.serial, None)
            if logged is None:
                self._problem(row.serial, "it is revoked, and the log does not say so")
            else:
                self._compare(row, *logged)
        for serial, (at, entry) in left.items():
            if serial not in purges.serials:
                exists = connection.execute(statement.where(columns.serial == serial)).first()
                self._problem(serial, _undone(at, entry, exists is not None))

    def _compare(self, row: sa.Row[*tuple[Any, ...]], at: int, entry: RevocationEntry) -> None:
        if row.state != REVOKED:
            self._problem(row.serial, _undone(at, entry, exists=True))
        elif row.revoked_at != entry.time:
            self._problem(row.serial, f"revoked_at was altered: entry {at} has another time")
        elif (row.reason or "") != entry.reason:
            what = f"reason was altered to {row.reason}: entry {at} of the log has {entry.reason}"
            self._problem(row.serial, what)

    def _problem(self, serial: str, what: str) -> None:
        self._add("certificates", serial, what)


def _undone(at: int, entry: RevocationEntry, exists: bool) -> str:
    what = "its revocation was undone" if exists else "the revoked row was deleted"
    return f"{what}: entry {at} of the log revoked it at {rfc3339(entry.time)}"


def _decode(leaf: sa.RowMapping, add: Add) -> log_entry.Entry | None:
    body = leaf["body"] or b""
    try:
        if merkle.leaf_hash(body) == leaf["hash"]:
            return log_entry.decode(body)
    except BadEntryError as error:
        add("log_leaves", leaf["log_index"], error.message)
    return None
