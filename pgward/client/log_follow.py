"""Following the log: what is new since the last time, each entry proved.

An administrator gets every entry and appends them to a copy of the tree's edge, so that the head
proves them all at once. Other people get their own entries, each with a proof of its own.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgward.client import log_proofs
from pgward.client.api import ApiClient
from pgward.client.log_proofs import Leaf
from pgward.client.witness import hashes
from pgward.core.errors import InvalidInputError
from pgward.pki.errors import LogError
from pgward.pki.merkle import CompactRange
from pgward.pki.tree_head import TreeHead
from pgward.system.files import atomic_write, storage_errors

FILE = "log-monitor.json"
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Place:
    """How far somebody has followed the log; ``edge`` is the compact range's hashes, in hex."""

    size: int
    edge: str = ""

    def tree(self) -> CompactRange:
        """Return the edge of the tree; raise MerkleError."""
        return CompactRange.read(self.size, bytes.fromhex(self.edge))


class Places:
    """The places in ``log-monitor.json``, by CA and by who follows."""

    def __init__(self, home: Path, fingerprint: str, who: str) -> None:
        self._path = home / FILE
        self._key = f"{fingerprint} {who}"

    def load(self) -> Place | None:
        """Return the place; InvalidInputError when the file is damaged."""
        found = self._load().get(self._key)
        try:
            return None if found is None else Place(int(found["size"]), str(found["edge"]))
        except (KeyError, TypeError, ValueError) as error:
            raise self._damaged() from error

    def save(self, place: Place) -> None:
        """Keep the place."""
        every = self._load() | {self._key: {"size": place.size, "edge": place.edge}}
        atomic_write(self._path, json.dumps(every, indent=2).encode() + b"\n")

    def others(self, fingerprint: str) -> dict[str, Any]:
        """Return what is kept of other CAs, as it stands in the file."""
        every = self._load().items()
        return {key: value for key, value in every if not key.startswith(f"{fingerprint} ")}

    def _load(self) -> dict[str, Any]:
        try:
            with storage_errors(self._path, "read"):
                value: dict[str, Any] = dict(json.loads(self._path.read_bytes()))
        except (ValueError, TypeError) as error:
            raise self._damaged() from error
        except Exception as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return {}
            raise
        return value

    def _damaged(self) -> InvalidInputError:
        hint = "remove it to follow the log from its present end"
        return InvalidInputError("this file is damaged", where=str(self._path), hint=hint)


def forget(home: Path, fingerprint: str) -> None:
    """Forget how far anybody followed the log of a CA."""
    path = home / FILE
    if path.exists():
        kept = Places(home, fingerprint, "").others(fingerprint)
        atomic_write(path, json.dumps(kept, indent=2).encode() + b"\n")


def start(api: ApiClient, head: TreeHead, *, everything: bool, begin: bool) -> Place:
    """Return the place to follow from: the log's beginning, or its present end."""
    if begin or head.size == 0:
        return Place(0)
    if not everything:
        return Place(head.size)
    return edge_of(api, head)


def edge_of(api: ApiClient, head: TreeHead) -> Place:
    """Return the place at the end of the log; LogError when the CA's proof does not hold."""
    last = head.size - 1
    reply = api.get("/v1/log/proof/inclusion", index=last, size=head.size)
    tree = CompactRange.before(last, hashes(reply.get("proof")))
    tree.append(_digest(reply))
    if tree.root() != head.root:
        raise LogError("the last entry's proof does not lead to the head")
    return Place(tree.size, tree.pack().hex())


def own(api: ApiClient, place: Place, head: TreeHead) -> Iterator[tuple[Leaf, Place]]:
    """Yield new entries of one's own with the place after each; raise LogError."""
    for leaf in _entries(api, place.size, head.size):
        if leaf.log_index >= head.size:
            break
        reply = api.get("/v1/log/proof/inclusion", index=leaf.log_index, size=head.size)
        log_proofs.check_included(leaf, reply.get("proof"), head)
        yield leaf, Place(leaf.log_index + 1)


def every(api: ApiClient, place: Place, head: TreeHead) -> tuple[list[Leaf], Place]:
    """Return all new entries, and the place after them; LogError unless they lead to the head."""
    tree, found = place.tree(), []
    for leaf in _entries(api, place.size, head.size):
        if leaf.log_index >= head.size:
            break
        if leaf.log_index != tree.size:
            raise LogError(f"entry {tree.size} of the log is missing")
        tree.append(leaf.hash)
        found.append(leaf)
    if (tree.size, tree.root()) != (head.size, head.root):
        raise LogError(f"the entries of the log do not lead to the head of {head.size} leaves")
    return found, Place(tree.size, tree.pack().hex())


def _entries(api: ApiClient, start: int, end: int) -> Iterator[Leaf]:
    following: Any = start
    while isinstance(following, int) and following < end:
        reply = api.get("/v1/log/entries", start=following, limit=_PAGE)
        found = reply.get("entries")
        yield from map(log_proofs.read_leaf, found if isinstance(found, list) else [])
        after = reply.get("next")
        if isinstance(after, int) and after <= following:
            raise LogError("the CA's log does not advance")
        following = after


def _digest(reply: Mapping[str, Any]) -> bytes:
    try:
        return bytes.fromhex(reply["leaf_hash"])
    except (KeyError, TypeError, ValueError) as error:
        raise LogError("the CA sent no proof") from error
