"""Merkle trees as RFC 9162 section 2 has them: hashes, proofs, and how a proof is checked.

A **node** is the root of a perfect subtree: ``Node(level, position)`` covers the leaves from
``position << level`` to ``(position + 1) << level``; leaves are level 0. A node never changes, so
whoever stores nodes can make every proof from O(log n) of them.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pgward.pki.errors import LogError

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
MAX_PROOF = 64  # hashes; a tree of 2**63 leaves needs 64
_LEAF, _NODE = b"\x00", b"\x01"
_sha256 = hashlib.sha256


class MerkleError(LogError):
    """A proof does not lead to the root, or none can be made for what was asked."""


class Node(NamedTuple):
    """A perfect subtree: 2**level leaves, the ``position``-th of its size."""

    level: int
    position: int


def leaf_hash(entry: bytes) -> bytes:
    """Hash an entry of the log (section 2.1.1)."""
    return _sha256(_LEAF + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into one (section 2.1.1)."""
    return _sha256(_NODE + left + right).digest()


@dataclass(slots=True)
class CompactRange:
    """The perfect subtrees that the first ``size`` leaves make, the largest first.

    All that is needed to append, and to know the root: one hash a set bit of ``size``.
    """

    size: int = 0
    hashes: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise MerkleError(f"a tree of {self.size} leaves has not {len(self.hashes)} subtrees")

    @classmethod
    def read(cls, size: int, packed: bytes) -> "CompactRange":
        """Read what ``pack`` wrote; raise MerkleError."""
        cut = [packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES)]
        if cut and len(cut[-1]) != HASH_BYTES:
            raise MerkleError("the subtrees' hashes are cut short")
        return cls(size, cut)

    @classmethod
    def before(cls, leaf_index: int, proof: Sequence[bytes]) -> "CompactRange":
        """Return the range of all leaves before the last one, from that one's inclusion proof."""
        return cls(leaf_index, list(reversed(proof)))

    def pack(self) -> bytes:
        """Write the hashes, one after the other."""
        return b"".join(self.hashes)

    def append(self, leaf: bytes) -> list[tuple[Node, bytes]]:
        """Add the hash of the next leaf; return the nodes that it completed, the lowest first."""
        completed = []
        level, index, digest = 0, self.size, leaf
        while index & 1:
            digest = node_hash(self.hashes.pop(), digest)
            level, index = level + 1, index >> 1
            completed.append((Node(level, index), digest))
        self.hashes.append(digest)
        self.size += 1
        return completed

    def root(self) -> bytes:
        """Return the tree's root hash."""
        return _fold(self.hashes) if self.hashes else EMPTY_ROOT


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root over the hashes of all leaves."""
    tree = CompactRange()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()


@dataclass(frozen=True, slots=True)
class Plan:
    """A proof before its hashes are known: each part is the subtree over leaves start to end."""

    parts: tuple[tuple[int, int], ...]

    def nodes(self) -> set[Node]:
        """Return the nodes whose hashes ``proof`` needs."""
        return {node for part in self.parts for node in perfect(*part)}

    def proof(self, known: Mapping[Node, bytes]) -> list[bytes]:
        """Return the proof's hashes; KeyError when a node is missing."""
        return [_fold([known[node] for node in perfect(*part)]) for part in self.parts]


def inclusion(index: int, size: int) -> Plan:
    """Plan the proof that a leaf is in the tree of ``size`` leaves (section 2.1.3.1)."""
    if not 0 <= index < size:
        raise MerkleError(f"a tree of {size} leaves has no leaf {index}")
    parts: list[tuple[int, int]] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            parts.append((middle, end))
            end = middle
        else:
            parts.append((start, middle))
            start = middle
    return Plan(tuple(reversed(parts)))


def consistency(first: int, second: int) -> Plan:
    """Plan the proof that the tree of ``second`` leaves begins with that of ``first`` (2.1.4.1).

    Empty when either tells nothing: no leaves before, or the same number.
    """
    if not 0 <= first <= second:
        raise MerkleError(f"a tree of {second} leaves has no smaller one of {first}")
    if first in (0, second):
        return Plan(())
    parts: list[tuple[int, int]] = []
    start, end, known = 0, second, True
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            parts.append((middle, end))
            end = middle
        else:
            parts.append((start, middle))
            start, known = middle, False
    if not known:
        parts.append((start, end))
    return Plan(tuple(reversed(parts)))


def check_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Raise MerkleError unless the leaf's hash is at ``index`` below ``root`` (2.1.3.2)."""
    if not 0 <= index < size:
        raise MerkleError(f"a tree of {size} leaves has no leaf {index}")
    _check_lengths([leaf, *proof])
    first, last, digest = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise MerkleError("the inclusion proof is too long")
        if first & 1 or first == last:
            digest = node_hash(sibling, digest)
            while not first & 1 and first != 0:
                first, last = first >> 1, last >> 1
        else:
            digest = node_hash(digest, sibling)
        first, last = first >> 1, last >> 1
    if last != 0:
        raise MerkleError("the inclusion proof is too short")
    if digest != root:
        raise MerkleError(f"the inclusion proof of leaf {index} does not lead to the root")


def check_consistency(
    first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise MerkleError unless the larger tree begins with the smaller one (2.1.4.2)."""
    if not 0 <= first <= second:
        raise MerkleError(f"the log shrank from {first} to {second} leaves")
    _check_lengths([first_root, second_root, *proof])
    if first in (0, second):
        _check_trivial(first, first_root, second, second_root, proof)
        return
    old, new, at_end = _climb(first, second, first_root, proof)
    if old != first_root or new != second_root or not at_end:
        raise MerkleError(
            f"the log of {second} leaves does not begin with the log of {first} leaves"
        )


def _climb(
    first: int, second: int, first_root: bytes, proof: Sequence[bytes]
) -> tuple[bytes, bytes, bool]:
    if not proof:
        raise MerkleError("the consistency proof is empty")
    path = [first_root, *proof] if first.bit_count() == 1 else list(proof)
    left, right = first - 1, second - 1
    while left & 1:
        left, right = left >> 1, right >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if right == 0:
            raise MerkleError("the consistency proof is too long")
        if left & 1 or left == right:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not left & 1 and left != 0:
                left, right = left >> 1, right >> 1
        else:
            new = node_hash(new, sibling)
        left, right = left >> 1, right >> 1
    return old, new, right == 0


def _check_trivial(
    first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]
) -> None:
    if proof:
        raise MerkleError("the consistency proof is too long")
    if first == 0 and first_root != EMPTY_ROOT:
        raise MerkleError("a log without leaves has another root")
    if first == second and first_root != second_root:
        raise MerkleError(f"there are two different logs of {first} leaves")


def _check_lengths(hashes: Sequence[bytes]) -> None:
    if len(hashes) > MAX_PROOF + 2:
        raise MerkleError("the proof is too long")
    if any(len(each) != HASH_BYTES for each in hashes):
        raise MerkleError(f"the proof has a hash that is not {HASH_BYTES} bytes")


def perfect(start: int, end: int) -> Iterator[Node]:
    """Cut the leaves from start to end into perfect subtrees, from left to right.

    ``start`` is a multiple of the smallest power of two that holds them all, as in every proof.
    """
    while start < end:
        level = (end - start).bit_length() - 1
        yield Node(level, start >> level)
        start += 1 << level


def _split(size: int) -> int:
    """Return the largest power of two below ``size``."""
    return 1 << (size - 1).bit_length() - 1


def _fold(subtrees: Sequence[bytes]) -> bytes:
    digest = subtrees[-1]
    for left in reversed(subtrees[:-1]):
        digest = node_hash(left, digest)
    return digest
