"""Verifying the archive here: the same as `pgward audit verify`, by the authority itself.

So it finds what others did to the objects, or what went wrong with them. Whoever does not believe
the authority verifies on a machine of their own. It rests half of the time: others want answers.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography import x509

from pgward.audit.chain import manifest as manifests
from pgward.audit.chain.head import Head
from pgward.audit.chain.manifest import ManifestError, SignedManifest
from pgward.audit.events import AuditEvent, Outcome
from pgward.ca.archive import chains, checks, index, reading, signers
from pgward.ca.archive.checks import Check
from pgward.ca.archive.index import Chunk
from pgward.ca.archive.objects import ObjectStore
from pgward.ca.store import Store
from pgward.client.audit_checking import ChainCheck, Signers
from pgward.client.phrases import counted
from pgward.core.clock import Clock
from pgward.core.errors import DeniedError, PgwardError, UnavailableError
from pgward.pki import jws

ACTION: Final = "audit.check"
STOPPED: Final = "the authority was stopped"
_FAULT: Final = "the authority failed unexpectedly; its log says how"
_MOST_PROBLEMS = 100  # of a chain that are told of one by one
_NEWS_SECONDS = 2.0
_log = logging.getLogger(__name__)

Roots = Callable[[], Sequence[x509.Certificate]]


class _StoppedError(Exception):
    """The authority is about to stop."""


class OwnSigners(Signers):
    """Tells whose certificates signed, also where a root has been replaced since."""

    def __init__(self, store: Store, roots: Sequence[x509.Certificate]) -> None:
        super().__init__(roots)
        self._store = store

    def problem(self, signed: SignedManifest) -> str | None:
        """Return why a manifest is not its edge's; None when it is."""
        why = super().problem(signed)
        if why is None:
            return None
        try:
            with self._store.read() as connection:
                signers.check(connection, signed, tuple)  # by the ledger alone
        except (DeniedError, ValueError):
            return why
        return None


class Verifying:
    """Has the archive verified by a thread of its own, one at a time in all replicas."""

    def __init__(
        self,
        store: Store,
        objects: ObjectStore,
        threads: Executor,
        clock: Clock,
        roots: Roots,
    ) -> None:
        self._store, self._objects, self._threads = store, objects, threads
        self._clock, self._roots = clock, roots
        self._stop = threading.Event()
        self._running: threading.Thread | None = None

    def begin(self, by: str) -> Check:
        """Begin; raise ConflictError while one runs."""
        with self._store.write() as transaction:
            found = chains.every(transaction.connection)
            of_lines = sum(each["head_seq"] - each["first_seq"] + 1 for each in found)
            check = checks.begin(transaction, by, of_lines, self._clock.now())
        run = _Run(self._store, self._objects, self._threads, self._clock, self._stop, check)
        self._running = threading.Thread(
            target=run.all, args=(found, self._roots()), name="archive-check", daemon=True
        )
        self._running.start()
        return check

    def wait(self) -> None:
        """Wait until what runs here has ended."""
        if self._running is not None:
            self._running.join()

    def close(self) -> None:
        """Stop what runs here."""
        self._stop.set()
        self.wait()


@dataclass(slots=True)
class _Run:
    """One verification."""

    store: Store
    objects: ObjectStore
    threads: Executor
    clock: Clock
    stop: threading.Event
    check: Check
    chunks: int = 0
    lines: int = 0
    told: float = field(default_factory=time.monotonic)

    def all(self, found: Sequence[Mapping[str, Any]], roots: Sequence[x509.Certificate]) -> None:
        """Verify every chain, and note how it went."""
        done: list[dict[str, Any]] = []
        trouble = None
        try:
            known = OwnSigners(self.store, roots)
            before = self._before()
            done.extend(self._chain(each, known, before) for each in found)
        except _StoppedError:
            trouble = STOPPED
        except PgwardError as error:
            trouble = error.message
        except Exception:  # noqa: BLE001 - a thread's own; the check says so, and the log has it
            _log.exception("verifying the archive failed")
            trouble = _FAULT
        self._end(done, trouble)

    def _chain(
        self, row: Mapping[str, Any], known: Signers, before: Mapping[tuple[str, str], Any]
    ) -> dict[str, Any]:
        start = Head(row["chain"], row["first_seq"] - 1, jws.decode(row["first_hash"]))
        end = Head(row["chain"], row["head_seq"], jws.decode(row["head_hash"]))
        gaps = [(first, last) for first, last in row["gaps"]]
        remembered = before.get((row["edge"], row["chain"]))
        check = ChainCheck(row["edge"], start, known, gaps, remembered)
        chunks = self._chunks_of(row)
        with closing(reading.ahead(self.objects, chunks, self.threads)) as coming:
            for chunk, read in coming:
                began = time.monotonic()
                self._take(check, chunk, read)
                self.chunks += 1
                self.lines += chunk["last_seq"] - chunk["first_seq"] + 1
                self._pause(time.monotonic() - began)
        check.end(end)
        found = check.to_json()
        more = len(found["problems"]) - _MOST_PROBLEMS
        return {
            **found,
            "problems": found["problems"][:_MOST_PROBLEMS],
            "more_problems": max(0, more),
        }

    def _chunks_of(self, row: Mapping[str, Any]) -> Iterator[Chunk]:
        first = 0
        while True:
            with self.store.read() as connection:
                found = index.of_chain(connection, row["edge"], row["chain"], first_seq=first)
            yield from (each for each in found if each["first_seq"] <= row["head_seq"])
            if len(found) < index.BATCH or found[-1]["last_seq"] >= row["head_seq"]:
                return
            first = found[-1]["last_seq"] + 1

    def _take(self, check: ChainCheck, chunk: Chunk, read: reading.Lines) -> None:
        first = chunk["first_seq"]
        try:
            signed = manifests.read(chunk["manifest"])
        except ManifestError as error:
            check.unreadable(first, error.message)
            return
        try:
            lines = read()
        except UnavailableError:
            raise
        except PgwardError as error:
            if self._is_kept(chunk):
                check.unreadable(first, error.message, signed.manifest.end)
            else:  # it was kept long enough
                check.head = signed.manifest.end
        else:
            check.take(signed, lines)

    def _is_kept(self, chunk: Chunk) -> bool:
        with self.store.read() as connection:
            found = index.find(connection, chunk["edge"], chunk["chain"], chunk["first_seq"])
        return found is not None

    def _before(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return how far each chain went when all was well with it last."""
        with self.store.read() as connection:
            last = checks.last_whole(connection)
        return {
            (each["edge"], each["chain"]): {"seq": each["last_seq"], "hash": each["hash"]}
            for each in (last.chains if last else ())
            if not each["problems"]
        }

    def _pause(self, took: float) -> None:
        if time.monotonic() - self.told > _NEWS_SECONDS:
            self._note(seen_at=self.clock.now())
            self.told = time.monotonic()
        if self.stop.wait(took):
            raise _StoppedError

    def _note(self, **values: Any) -> None:
        with self.store.write() as transaction:
            checks.change(
                transaction, self.check.number, chunks=self.chunks, lines=self.lines, **values
            )

    def _end(self, done: Sequence[Mapping[str, Any]], trouble: str | None) -> None:
        now = self.clock.now()
        problems = sum(len(each["problems"]) + each["more_problems"] for each in done)
        outcome: Outcome = "failed" if problems or trouble else "ok"
        event = AuditEvent.make(
            time=now,
            actor=self.check.started_by,
            action=ACTION,
            outcome=outcome,
            reason=trouble
            or (f"{counted(problems, 'problem')} in what is on record" if problems else None),
            details={"chains": len(done), "chunks": self.chunks, "lines": self.lines},
        )
        try:
            with self.store.write() as transaction:
                transaction.record(event)
            self._note(seen_at=now, ended_at=now, trouble=trouble, chains=[*done])
        except PgwardError as error:  # the next to look finds that nothing came any more
            _log.error("verifying the archive: %s", error.message)
