"""A person's own memory of the CA's log: its key, and the last head seen, in ``log.json``.

The key is pinned at the first contact, as the fingerprint of the CA is. From then on each new
head must be signed by that key and must contain all of the last one: a log that was rewritten,
cut or forked cannot satisfy this. What proves it is kept in a file.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from pgward.client.api import ApiClient
from pgward.core.clock import Clock, SystemClock, rfc3339
from pgward.core.errors import InvalidInputError, NotFoundError, UnavailableError
from pgward.pki import merkle, tree_head
from pgward.pki.errors import LogError
from pgward.pki.merkle import MerkleError
from pgward.pki.tree_head import TreeHead
from pgward.system.files import FileLock, atomic_write, storage_errors

FILE = "log.json"
_LOCK = "log.lock"


@dataclass(frozen=True, slots=True)
class Memory:
    """What is kept of one CA's log; both texts are as the CA sent them."""

    public_key: str
    head: str

    @property
    def key(self) -> ec.EllipticCurvePublicKey:
        """The pinned key."""
        return tree_head.load_key(self.public_key)


class Witness:
    """Checks each head of one CA against the last one; ``fingerprint`` tells which CA."""

    def __init__(self, home: Path, fingerprint: str, clock: Clock | None = None) -> None:
        self._home = home
        self._fingerprint = fingerprint
        self._clock = clock or SystemClock()

    def remembered(self) -> Memory | None:
        """Return what was seen last; InvalidInputError when the file is damaged."""
        found = self._load().get(self._fingerprint)
        try:
            return None if found is None else Memory(str(found["public_key"]), str(found["head"]))
        except (KeyError, TypeError) as error:
            raise self._damaged() from error

    def forget(self) -> Path | None:
        """Begin anew with this CA's log; what was known goes into a file, which is returned."""
        with self._lock():
            every = self._load()
            known = every.pop(self._fingerprint, None)
            if known is None:
                return None
            path = self._home / f"log-forgotten-{self._clock.now():%Y%m%dT%H%M%S%f}.json"
            atomic_write(path, json.dumps(known, indent=2).encode() + b"\n")
            atomic_write(self._home / FILE, json.dumps(every, indent=2).encode() + b"\n")
            return path

    def everything(self) -> list[Any]:
        """Return what is kept of all CAs, as it stands in the file."""
        return list(self._load().values())

    def update(self, api: ApiClient) -> "Seen":
        """Get the newest head and see that it continues the last one, which it then replaces.

        Raises LogError, and keeps the evidence, when it does not.
        """
        with self._lock():
            reply = _newest(api)
            return self._accept(api, _text(reply, "head", "jws"), _text(reply, "public_key"))

    def accept(self, api: ApiClient, jws: str) -> "Seen":
        """See that a head which came with an answer continues the last one; raise LogError."""
        with self._lock():
            return self._accept(api, jws, None)

    def _accept(self, api: ApiClient, jws: str, public_key: str | None) -> "Seen":
        memory = self.remembered()
        if memory is None:
            return self._begin(jws, public_key or _text(_newest(api), "public_key"))
        with self._evidence(memory, jws) as evidence:
            before = tree_head.verify(memory.head, memory.key)
            head = tree_head.verify(jws, memory.key)
            if head.size < before.size:
                _check_size(api, before, memory.key)
            _check(api, before, head, evidence)
        if (head.size, head.time) > (before.size, before.time):
            self._save(Memory(memory.public_key, jws))
        return Seen(head, jws, before, memory.key)

    def _begin(self, jws: str, public_key: str) -> "Seen":
        memory = Memory(public_key, jws)
        head = tree_head.verify(jws, memory.key)
        self._save(memory)
        return Seen(head, jws, None, memory.key)

    @contextmanager
    def _evidence(self, memory: Memory, jws: str) -> Iterator[dict[str, Any]]:
        """Keep both heads when the log contradicts itself, and name the file in the error."""
        evidence = {"public_key": memory.public_key, "before": memory.head, "after": jws}
        try:
            yield evidence
        except LogError as error:
            now = self._clock.now()
            path = self._home / f"log-evidence-{now:%Y%m%dT%H%M%S%f}.json"
            told = {"ca": self._fingerprint, "found_at": rfc3339(now), "problem": error.message}
            atomic_write(path, json.dumps(told | evidence, indent=2).encode() + b"\n")
            raise LogError(
                f"the CA's log contradicts what it said before: {error.message}",
                hint=f"the evidence is in {path}; show it to those who answer for the CA,"
                " and compare heads with other people",
            ) from error

    def _lock(self) -> FileLock:
        return FileLock(self._home / _LOCK)

    def _load(self) -> dict[str, Any]:
        path = self._home / FILE
        try:
            with storage_errors(path, "read"):
                value = json.loads(path.read_bytes())
        except ValueError as error:
            raise self._damaged() from error
        except Exception as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return {}
            raise
        if not isinstance(value, dict):
            raise self._damaged()
        return value

    def _save(self, memory: Memory) -> None:
        kept = {"public_key": memory.public_key, "head": memory.head}
        every = self._load() | {self._fingerprint: kept}
        atomic_write(self._home / FILE, json.dumps(every, indent=2).encode() + b"\n")

    def _damaged(self) -> InvalidInputError:
        return InvalidInputError(
            "this file is damaged",
            where=str(self._home / FILE),
            hint="it is your memory of the CA's log: restore it, or remove it to begin anew",
        )


def seen_heads(home: Path, log_id: str) -> list[TreeHead]:
    """Return the last head seen of a log, whatever CA showed it; none when nothing was seen."""
    every = Witness(home, "").everything()
    heads = [tree_head.read(str(each.get("head"))) for each in every if isinstance(each, dict)]
    return [head for head in heads if head.log_id == log_id]


@dataclass(frozen=True, slots=True)
class Seen:
    """A head that was verified, the one before it, and the log's key."""

    head: TreeHead
    jws: str
    before: TreeHead | None
    key: ec.EllipticCurvePublicKey


def _newest(api: ApiClient) -> dict[str, Any]:
    try:
        return api.get("/v1/log/head")
    except NotFoundError as error:
        raise _no_log() from error


def _check_size(api: ApiClient, before: TreeHead, key: ec.EllipticCurvePublicKey) -> None:
    """Raise LogError when even the newest head is of a smaller log: one may come late, not all."""
    newest = tree_head.verify(_text(_newest(api), "head", "jws"), key)
    if newest.size < before.size:
        raise LogError(f"the log shrank from {before.size} to {newest.size} entries")


def _check(api: ApiClient, before: TreeHead, head: TreeHead, evidence: dict[str, Any]) -> None:
    """Raise LogError unless the larger of two heads contains the smaller one."""
    first, second = sorted((before, head), key=lambda each: each.size)
    proof: list[bytes] = []
    if 0 < first.size < second.size:
        try:
            reply = api.get("/v1/log/proof/consistency", first=first.size, second=second.size)
        except InvalidInputError as error:
            raise LogError(f"the CA proves nothing: {error.message}") from error
        evidence["proof"] = reply.get("proof")
        proof = hashes(reply.get("proof"))
    merkle.check_consistency(first.size, first.root, second.size, second.root, proof)


def hashes(value: object) -> list[bytes]:
    """Read a proof as the API writes it; raise LogError."""
    try:
        if isinstance(value, list) and len(value) <= merkle.MAX_PROOF:
            return [bytes.fromhex(each) for each in value]
    except (ValueError, TypeError) as error:
        raise MerkleError("the proof is not hex") from error
    raise MerkleError("the proof is no list of hashes")


def _text(reply: Mapping[str, Any], *names: str) -> str:
    value: Any = reply
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(value, str):
        raise _no_log()
    return value


def _no_log() -> UnavailableError:
    return UnavailableError("the CA has no transparency log", hint="its pgward is too old")
