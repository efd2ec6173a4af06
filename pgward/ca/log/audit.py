"""Every row of the store against the log, and the log against its signed heads.

Reads only, in one state of the store. Each problem names its row.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.engine import Connection

from pgward.ca.log import rows as log_rows
from pgward.ca.log.claims import Purges, Revocations
from pgward.ca.records import Kind
from pgward.ca.store import log_entries, log_heads
from pgward.ca.store.log import STRIDE
from pgward.ca.store.schema import certificates
from pgward.ca.store.schema_log import log_leaves, log_nodes, log_tree
from pgward.core.clock import rfc3339
from pgward.pki import merkle, tree_head
from pgward.pki.errors import LogError
from pgward.pki.log_entry import EntryType
from pgward.pki.merkle import CompactRange, Node
from pgward.pki.tree_head import TreeHead

_BATCH = 500
_MOST = 1000  # problems that are told: more of them say nothing more
Numbered = tuple[TreeHead, int | None]  # a head, and its number unless a witness kept it


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and with which row: a table and its key."""

    table: str
    row: str
    what: str

    def __str__(self) -> str:
        return f"{self.table} {self.row}: {self.what}"


@dataclass(slots=True)
class Report:
    """What was looked at, and what is wrong."""

    log_id: str
    leaves: int = 0
    purged: int = 0
    heads: int = 0
    signed_leaves: int = 0
    signed_at: datetime | None = None
    problems: list[Problem] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        return asdict(self)

    def add(self, table: str, row: object, what: str) -> None:
        """Note a problem."""
        if len(self.problems) < _MOST:
            self.problems.append(Problem(table, str(row), what))


def audit(
    connection: Connection,
    key: ec.EllipticCurvePublicKey,
    *,
    witnessed: Sequence[TreeHead] = (),
    progress: Callable[[int], object] = lambda _: None,
) -> Report:
    """Check everything; ``witnessed`` are heads that others kept.

    Takes some 0.1 ms a certificate, and tells ``progress`` how many leaves it has seen.
    """
    report = Report(tree_head.log_id(key))
    heads: list[Numbered] = [
        *_heads(connection, key, report),
        *((each, None) for each in witnessed),
    ]
    walk = _Walk(connection, report, {head.size for head, _ in heads})
    walk.run(progress)
    walk.check_nodes_left()
    walk.check_state()
    _check_heads(connection, report, heads, walk)
    walk.revocations.check_rows(connection, walk.purges)
    _check_unlogged(connection, report, walk.seen)
    return report


def _heads(
    connection: Connection, key: ec.EllipticCurvePublicKey, report: Report
) -> Iterator[Numbered]:
    """Yield the heads whose signatures hold."""
    for signed in log_heads.every(connection):
        report.heads += 1
        for number in range(report.heads, signed.number):
            report.add("log_heads", number, "the signed head was deleted")
        report.heads = max(report.heads, signed.number)
        try:
            head = tree_head.verify(signed.jws, key)
        except LogError as error:
            report.add("log_heads", signed.number, error.message)
            continue
        if head != signed.head:
            report.add("log_heads", signed.number, "its columns are not what was signed")
        report.signed_leaves, report.signed_at = head.size, head.time
        yield head, signed.number


class _Walk:
    """Goes through the leaves once: each against its row, and all of them into a tree."""

    def __init__(self, connection: Connection, report: Report, sizes: set[int]) -> None:
        self._connection = connection
        self._report = report
        self._sizes = sizes
        self._nodes = _stored_nodes(connection)
        self.purges = Purges(connection, report.add)
        self.revocations = Revocations(report.add)
        self.tree = CompactRange()
        self.roots = {0: merkle.EMPTY_ROOT}
        self.seen = 0  # leaves, or places of them
        self.broken_at: int | None = None

    def run(self, progress: Callable[[int], object]) -> None:
        """Do it."""
        last = self._connection.execute(sa.select(sa.func.max(log_leaves.c.log_index))).scalar()
        end = 0 if last is None else last + 1
        for start in range(0, end, _BATCH):
            self._batch(start, min(start + _BATCH, end))
            progress(self.seen)
        self._report.leaves = end

    def _batch(self, start: int, end: int) -> None:
        leaves = _between(self._connection, log_leaves, start, end)
        rows = _between(self._connection, certificates, start, end)
        for index in range(start, end):
            leaf, row = leaves.get(index), rows.get(index)
            if leaf is None:
                self._lost(index, row)
            else:
                self._check(leaf, row)
                self._grow(leaf["hash"])
            self.seen = index + 1

    def _lost(self, index: int, row: sa.RowMapping | None) -> None:
        if row is None or row["der"] is None:
            self._report.add("log_leaves", index, "the entry was deleted")
            self.broken_at = index if self.broken_at is None else self.broken_at
            return
        what = f"the entry was deleted; it was that of certificate {row['serial']}"
        self._report.add("log_leaves", index, what)
        self._grow(merkle.leaf_hash(log_entries.certificate(row, row["der"]).encoded))

    def _check(self, leaf: sa.RowMapping, row: sa.RowMapping | None) -> None:
        index = leaf["log_index"]
        if leaf["type"] == EntryType.CERTIFICATE:
            self._check_certificate(leaf, row)
            return
        if leaf["body"] is None or merkle.leaf_hash(leaf["body"]) != leaf["hash"]:
            self._report.add("log_leaves", index, "its body was altered: it has another hash")
        elif leaf["type"] == EntryType.REVOCATION:
            self.revocations.add(leaf)

    def _check_certificate(self, leaf: sa.RowMapping, row: sa.RowMapping | None) -> None:
        index, serial = leaf["log_index"], leaf["serial"]
        purge = self.purges.of(index)
        if row is None:
            if purge is None:
                self._report.add("certificates", serial, self._gone(index, serial))
            else:
                self._report.purged += 1
                self.purges.serials.add(serial)
        elif purge is not None:
            what = f"it was purged, as entry {purge} of the log says, and it is here again"
            self._report.add("certificates", serial, what)
        else:
            for what in log_rows.problems(row, serial, leaf["hash"]):
                self._report.add("certificates", row["serial"], what)

    def _gone(self, index: int, serial: str) -> str:
        statement = sa.select(certificates.c.log_index).where(certificates.c.serial == serial)
        found = self._connection.execute(statement).first()
        if found is None:
            return f"the row was deleted: entry {index} of the log is its, and no purge removed it"
        return f"log_index was altered to {found[0]}: its entry of the log is {index}"

    def _grow(self, digest: bytes) -> None:
        if self.broken_at is not None:
            return
        for node, computed in self.tree.append(digest):
            if node.level % STRIDE:
                continue
            stored = self._nodes.pop(node, None)
            if stored != computed:
                what = "is missing" if stored is None else "was altered, or a leaf below it was"
                self._report.add("log_nodes", f"{node.level}/{node.position}", what)
        if self.tree.size in self._sizes:
            self.roots[self.tree.size] = self.tree.root()

    def check_nodes_left(self) -> None:
        """Note stored nodes that no leaves make."""
        if self.broken_at is None:
            for node in self._nodes:
                name = f"{node.level}/{node.position}"
                self._report.add("log_nodes", name, "there are no leaves for it: the log was cut")

    def check_state(self) -> None:
        """Compare the tree's row with the tree that the leaves make."""
        row = self._connection.execute(sa.select(log_tree)).first()
        if row is None:
            self._report.add("log_tree", 1, "the row was deleted")
        elif row.size != self.seen:
            what = f"it says {row.size} entries, and there are {self.seen}: the log was cut"
            self._report.add("log_tree", 1, what)
        elif self.broken_at is None and row.subtrees != self.tree.pack():
            self._report.add("log_tree", 1, "its hashes are not those of the entries")


def _check_heads(
    connection: Connection, report: Report, heads: Iterable[Numbered], walk: _Walk
) -> None:
    """Compare each signed head with the tree of its size; name the leaves that differ."""
    good = [0]
    suspects: set[tuple[int, int]] = set()
    for head, number in sorted(heads, key=lambda each: each[0].size):
        name = "of a witness" if number is None else str(number)
        said = f"signed at {rfc3339(head.time)} over {head.size} entries"
        if head.size > walk.seen:
            report.add("log_heads", name, f"{said}, and there are {walk.seen}: the log was cut")
        elif head.size not in walk.roots:
            report.add("log_heads", name, f"{said}, and entry {walk.broken_at} is missing")
        elif walk.roots[head.size] != head.root:
            start = good[bisect_right(good, head.size) - 1]
            what = f"entries {start} to {head.size - 1} are not those that were signed"
            report.add("log_heads", name, f"{said}, and {what}")
            suspects.add((start, head.size))
        else:
            good.append(head.size)
    if walk.seen and not report.heads:
        report.add("log_heads", "1", "there is no signed head")
    if suspects:
        _check_signatures(connection, report, min(suspects))


def _check_signatures(connection: Connection, report: Report, where: tuple[int, int]) -> None:
    """Name certificates that no CA signed, among entries that are not those that were signed."""
    statement = sa.select(certificates).where(
        certificates.c.kind == Kind.CA.value, certificates.c.der.is_not(None)
    )
    rows = connection.execute(statement).mappings().all()
    issuers = [x509.load_der_x509_certificate(row["der"]) for row in rows]
    start, end = where
    for at in range(start, end, _BATCH):
        for row in _between(connection, certificates, at, min(at + _BATCH, end)).values():
            if not log_rows.signed_by_any(row, issuers):
                what = "der was altered, and its entry with it: no CA signed it"
                report.add("certificates", row["serial"], what)


def _check_unlogged(connection: Connection, report: Report, leaves: int) -> None:
    """Note certificates that no leaf stands for."""
    columns = certificates.c
    statement = sa.select(columns.serial, columns.log_index).where(
        columns.der.is_not(None),
        sa.or_(columns.log_index.is_(None), columns.log_index >= leaves),
    )
    for row in connection.execute(statement):
        what = "it is not in the log: it was put into the store behind the CA's back"
        if row.log_index is not None:
            what = f"its entry {row.log_index} of the log is not there: the log was cut"
        report.add("certificates", row.serial, what)


def _stored_nodes(connection: Connection) -> dict[Node, bytes]:
    return {
        Node(row.level, row.position): row.hash for row in connection.execute(sa.select(log_nodes))
    }


def _between(
    connection: Connection, table: sa.Table, start: int, end: int
) -> dict[int, sa.RowMapping]:
    statement = sa.select(table).where(table.c.log_index >= start, table.c.log_index < end)
    return {row["log_index"]: row for row in connection.execute(statement).mappings()}
