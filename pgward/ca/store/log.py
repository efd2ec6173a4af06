"""The transparency log in the store: appending inside a transaction, and making proofs.

What is appended commits with the certificates that it is about, or not at all, and there is one
writer: so the log has no gap and its order is the order of the commits.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.store.schema_log import log_leaves, log_nodes, log_tree
from pgward.ca.store.transaction import Transaction
from pgward.core.errors import UnavailableError
from pgward.pki import merkle
from pgward.pki.log_entry import EntryType
from pgward.pki.merkle import CompactRange, MerkleError, Node, Plan

STRIDE = 4  # of the levels above the leaves, every fourth is stored
_STATE = 1
# Each certificate needs these, and SQLAlchemy takes longer to build a statement than to run it.
_TREE = sa.select(log_tree.c.size, log_tree.c.subtrees).where(log_tree.c.id == _STATE)
_GROW = sa.update(log_tree).where(log_tree.c.id == _STATE)
_ADD_LEAVES, _ADD_NODES = sa.insert(log_leaves), sa.insert(log_nodes)
_SPANS = 200  # conditions in one statement: SQLite reads no deeper ones than 1,000


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A leaf to append: ``body`` is kept for what no other table can make again."""

    type: EntryType
    serial: str
    encoded: bytes
    keeps_body: bool = False


@dataclass(frozen=True, slots=True)
class TreeState:
    """How large the log is, and its root."""

    size: int
    root: bytes


def append(transaction: Transaction, entries: Sequence[LogEntry]) -> int:
    """Append leaves in this transaction; return the index of the first.

    Two reads and writes of one row, however many leaves; UnavailableError when the log is damaged.
    """
    tree = _tree(transaction.connection)
    first, leaves, nodes = tree.size, [], []
    for log_index, entry in enumerate(entries, first):
        digest = merkle.leaf_hash(entry.encoded)
        leaves.append(_leaf(log_index, entry, digest))
        nodes += [_node(*each) for each in tree.append(digest) if each[0].level % STRIDE == 0]
    if leaves:
        transaction.execute(_ADD_LEAVES, leaves)
        if nodes:
            transaction.execute(_ADD_NODES, nodes)
        transaction.execute(_GROW, {"size": tree.size, "subtrees": tree.pack()})
    return first


def state(connection: Connection) -> TreeState:
    """Return size and root of the log."""
    tree = _tree(connection)
    return TreeState(tree.size, tree.root())


def root_at(connection: Connection, size: int) -> bytes:
    """Return the root that the log had with ``size`` leaves; MerkleError when it has fewer."""
    if size == 0:
        return merkle.EMPTY_ROOT
    return _proofs(connection, [Plan(((0, size),))], size)[0][0]


def inclusion(connection: Connection, indexes: Sequence[int], size: int) -> list[list[bytes]]:
    """Return the proof of each that it is in the log of ``size`` leaves; raise MerkleError."""
    return _proofs(connection, [merkle.inclusion(each, size) for each in indexes], size)


def consistency(connection: Connection, first: int, second: int) -> list[bytes]:
    """Return the proof that the log of ``second`` leaves begins with that of ``first``."""
    return _proofs(connection, [merkle.consistency(first, second)], second)[0]


def _proofs(connection: Connection, plans: Sequence[Plan], size: int) -> list[list[bytes]]:
    """Read the stored nodes that the plans need, and return their proofs; raise MerkleError."""
    if size > _tree(connection).size:
        raise MerkleError(f"the log has no {size} leaves yet")
    wanted = {node for plan in plans for node in plan.nodes()}
    stored = _stored(connection, wanted)
    try:
        known = {node: _from_stored(node, stored) for node in wanted}
        return [plan.proof(known) for plan in plans]
    except KeyError as error:
        (level, position) = error.args[0]
        what = f"node {position} of level {level}" if level else f"leaf {position}"
        raise damaged(f"{what} is missing") from error


def damaged(how: str) -> UnavailableError:
    """Return the error for a log whose rows do not fit together."""
    return UnavailableError(
        f"the transparency log is damaged: {how}",
        hint="pgward ca log verify DIR says what is wrong",
    )


def _tree(connection: Connection) -> CompactRange:
    row = connection.execute(_TREE).one_or_none()
    if row is None:
        raise damaged("its size is missing")
    try:
        return CompactRange.read(row.size, row.subtrees)
    except MerkleError as error:
        raise damaged(error.message) from error


def _leaf(log_index: int, entry: LogEntry, digest: bytes) -> dict[str, Any]:
    return {
        "log_index": log_index,
        "type": int(entry.type),
        "serial": entry.serial,
        "hash": digest,
        "body": entry.encoded if entry.keeps_body else None,
    }


def _node(node: Node, digest: bytes) -> dict[str, Any]:
    return {"level": node.level, "position": node.position, "hash": digest}


def _base(node: Node) -> tuple[int, range]:
    """Return the stored level at or below a node, and which of its nodes make it."""
    down = node.level % STRIDE
    return node.level - down, range(node.position << down, (node.position + 1) << down)


def _stored(connection: Connection, wanted: Iterable[Node]) -> dict[Node, bytes]:
    levels: dict[int, list[range]] = {}
    for node in wanted:
        level, positions = _base(node)
        levels.setdefault(level, []).append(positions)
    return {node: digest for level in levels for node, digest in _read(connection, level, levels)}


def _read(
    connection: Connection, level: int, levels: Mapping[int, list[range]]
) -> Iterator[tuple[Node, bytes]]:
    table = log_nodes if level else log_leaves
    position = log_nodes.c.position if level else log_leaves.c.log_index
    spans = [position.between(each.start, each.stop - 1) for each in set(levels[level])]
    for start in range(0, len(spans), _SPANS):
        some = sa.or_(*spans[start : start + _SPANS])
        statement = sa.select(position, table.c.hash).where(some)
        if level:
            statement = statement.where(log_nodes.c.level == level)
        for at, digest in connection.execute(statement):
            yield Node(level, at), digest


def _from_stored(node: Node, stored: Mapping[Node, bytes]) -> bytes:
    level, positions = _base(node)
    return merkle.root_of(stored[Node(level, at)] for at in positions)
