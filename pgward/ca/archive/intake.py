"""Taking chunks in: an edge writes its own chain, on from where that ends, and nothing else."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography import x509
from sqlalchemy.engine import Connection

from pgward.audit.chain import chunk as chunks
from pgward.audit.chain import manifest as manifests
from pgward.audit.chain.chunk import ChunkError
from pgward.audit.chain.head import Head
from pgward.audit.chain.lines import ChainBrokenError
from pgward.audit.chain.manifest import Manifest, ManifestError, SignedManifest
from pgward.audit.events import AuditEvent
from pgward.ca import caller
from pgward.ca.archive import chains, facts, packing, sessions
from pgward.ca.archive.chains import Arrived, NotFollowingError, Standing
from pgward.ca.archive.doubles import Doubles
from pgward.ca.archive.facts import Facts
from pgward.ca.archive.objects import ObjectStore
from pgward.ca.identity.machines import Machine
from pgward.ca.records import Kind
from pgward.ca.resources import stored as resources
from pgward.ca.resources.kinds import ServiceSpec
from pgward.ca.store import Store, Transaction
from pgward.core.clock import Clock
from pgward.core.errors import (
    DeniedError,
    InvalidInputError,
    PgwardError,
    UnacceptableError,
    UnavailableError,
)

_log = logging.getLogger(__name__)
_MOST_REMEMBERED = 100_000
_MOST_RECOVERED = 50  # objects in one request
_NEVER = 1 << 62  # a line's number that no chain gets to
CheckSigner = Callable[[Connection, SignedManifest], None]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One chunk as an edge sends it: for this place of its chain, or across ``missing`` lines."""

    chain: str
    first_seq: int
    manifest: str
    data: bytes
    missing: str | None = None


class Intake:
    """Takes chunks into the archive; any thread may call it, and ``on_news`` is told of each.

    ``check_signer`` raises DeniedError for a manifest that its edge did not sign.
    """

    def __init__(
        self,
        store: Store,
        objects: ObjectStore,
        clock: Clock,
        *,
        check_signer: CheckSigner,
        on_news: Callable[[], object] = lambda: None,
    ) -> None:
        self._check_signer = check_signer
        self._store = store
        self._objects = objects
        self._clock = clock
        self._on_news = on_news
        self._doubles = Doubles(store, objects)
        self._served: set[tuple[str, str]] = set()
        self._refused: dict[str, tuple[str, int, str]] = {}

    def take(
        self, edge: Machine, delivery: Delivery, proved: x509.Certificate | None = None
    ) -> Head:
        """Keep a chunk, and return how far its chain goes now; one that is here stays as it is.

        ``proved`` is the edge's certificate that was looked up just now, as it asks with that.
        Raises UnacceptableError (it is damaged, not as it must be, or not this edge's to say, and
        so it stays), InvalidInputError and DeniedError (its manifest says nothing, or another
        signed it), NotFollowingError (which tells the head), UnavailableError.
        """
        try:
            return self._take(edge, delivery, proved)
        except (UnacceptableError, DeniedError, NotFollowingError, InvalidInputError) as error:
            self._note_refusal(edge, delivery, error)
            raise

    def _take(self, edge: Machine, delivery: Delivery, proved: x509.Certificate | None) -> Head:
        signed = _read(delivery.manifest)
        manifest = signed.manifest
        if (manifest.edge, manifest.chain, manifest.first_seq) != (
            *(edge.name, delivery.chain),
            delivery.first_seq,
        ):
            raise UnacceptableError(
                "the manifest is for another edge, or for another place of the chain"
            )
        with self._store.read() as connection:
            if signed.certificates[0] != proved:
                self._check_signer(connection, signed)
            standing = chains.standing(connection, manifest)
        if standing.is_kept:
            return standing.head
        found = _opened(delivery.data, signed)
        if standing.head != manifest.start:
            self._recover_all(edge, manifest, standing.head)
            with self._store.read() as connection:
                standing = chains.standing(connection, manifest)
                if standing.is_kept:  # by another request meanwhile
                    return standing.head
                self._place(connection, signed, delivery, standing)
        self._check_services(edge.name, found)
        return self._keep(signed, delivery, found)

    @staticmethod
    def _place(
        connection: Connection, signed: SignedManifest, delivery: Delivery, standing: Standing
    ) -> bool:
        return chains.place(connection, signed.manifest, standing.head, delivery.missing)

    def _keep(self, signed: SignedManifest, delivery: Delivery, found: Facts) -> Head:
        """Store the object, and then what makes it count: without its row it is nothing."""
        manifest, now = signed.manifest, self._clock.now()
        key = packing.key(manifest.edge, manifest.chain, manifest.first_seq, manifest.sha256)
        packed = packing.pack(signed.text, delivery.data)
        self._objects.put_if_absent(key, packed)
        arrived = Arrived(manifest, signed.text, key, len(packed))
        new = self._doubles.new(manifest, delivery.data, found)
        with self._store.write() as transaction:
            standing = chains.standing(transaction.connection, manifest)
            if standing.is_kept:  # by another request meanwhile
                return standing.head
            follows = self._place(transaction.connection, signed, delivery, standing)
            if standing.head.seq == 0:
                self._note_beginning(transaction, manifest.edge, manifest.chain, now)
            if not follows:
                self._note_gap(transaction, signed, now)
            chains.add(transaction, arrived, found, now)
            sessions.take(transaction, manifest.edge, new, now)
        self._doubles.kept(manifest, found)
        self._on_news()
        return manifest.end

    def _recover_all(self, edge: Machine, manifest: Manifest, known: Head) -> None:
        """Before a gap is believed in, look for its lines among the objects.

        They are there when the store alone was put back to an earlier state.
        """
        if manifest.first_seq <= known.seq + 1:
            return
        recovered = self._recover(edge.name, known, manifest.first_seq)
        if recovered:
            _log.warning(
                "%d chunks of %s were in the archive and not in the store", recovered, edge.actor
            )
        if recovered == _MOST_RECOVERED:
            raise UnavailableError("the archive is still being read again", hint="try again")

    def recover(self, edge: str, chain: str) -> int:
        """Take what the archive has of a chain behind its head, across gaps; return how much.

        Raises UnavailableError, and NotFollowingError when its edge was faster.
        """
        count = 0
        while True:
            with self._store.read() as connection:
                known = chains.head(connection, edge, chain)
            found = self._recover(edge, known, _NEVER) or self._recover_behind_gap(edge, known)
            if not found:
                return count
            count += found

    def _recover(self, edge: str, known: Head, until: int) -> int:
        for count in range(_MOST_RECOVERED):
            if known.seq + 1 >= until:
                return count
            after = self._recover_one(edge, known)
            if after is None:
                return count
            known = after
        return _MOST_RECOVERED

    def _recover_one(self, edge: str, known: Head) -> Head | None:
        """Take the object whose lines follow a head; None when there is none that does."""
        for key in self._objects.list(packing.chunks_from(edge, known.chain, known.seq + 1)):
            usable = self._usable(key)
            if usable is not None and (usable[0].manifest.edge, usable[0].manifest.start) == (
                edge,
                known,
            ):
                return self._keep(*usable)
        return None

    def _recover_behind_gap(self, edge: str, known: Head) -> int:
        """Take the next object of a chain whose next lines nobody has; tell how many that are."""
        after = f"{packing.chunks_from(edge, known.chain, known.seq + 1)}~"
        for key in self._objects.list(packing.chunks_of(edge, known.chain), after):
            usable = self._usable(key)
            if usable is None:
                continue
            signed, delivery, found = usable
            place = signed.manifest.edge, signed.manifest.chain
            if place == (edge, known.chain) and delivery.first_seq > known.seq + 1:
                missing = f"{known.seq + 1}-{delivery.first_seq - 1}"
                self._keep(signed, replace(delivery, missing=missing), found)
                return 1
        return 0

    def _usable(self, key: str) -> tuple[SignedManifest, Delivery, Facts] | None:
        """Return what an object has, as if its edge delivered it; None for one that is spoilt."""
        try:
            text, data = packing.unpack(self._objects.get(key))
            signed = _read(text)
            found = _opened(data, signed)
            with self._store.read() as connection:
                self._check_signer(connection, signed)
        except UnavailableError:
            raise
        except PgwardError as error:
            _log.warning("an object of the archive cannot be used: %s", error.message)
            return None
        manifest = signed.manifest
        return signed, Delivery(manifest.chain, manifest.first_seq, text, data), found

    def _check_services(self, edge: str, found: Facts) -> None:
        """Refuse records of services that are another edge's to tell of.

        An edge may tell of what it serves, or told of before; of services that were changed since
        (it may have lost them then), and of those that are gone.
        """
        unknown = {each for each in found.services if (edge, each) not in self._served}
        if not unknown:
            return
        with self._store.read() as connection:
            unknown -= chains.sources(connection, edge, unknown)
            for name in sorted(unknown):
                resource = resources.find(connection, "Service", name)
                if resource is None or resource.updated_at >= found.first_time:
                    continue
                if not ServiceSpec.model_validate(resource.spec).is_on(edge):
                    raise UnacceptableError(
                        f"edge {edge} does not serve {name!r}",
                        hint=f"see spec.edges of: pgward get service {name}",
                    )
        if len(self._served) > _MOST_REMEMBERED:
            self._served.clear()
        self._served |= {(edge, each) for each in found.services - unknown}

    def _note_beginning(
        self, transaction: Transaction, edge: str, chain: str, now: datetime
    ) -> None:
        former = chains.others(transaction.connection, edge)[-8:]
        transaction.record(_event(edge, "audit.chain", chain, now, details={"former": former}))

    def _note_gap(self, transaction: Transaction, signed: SignedManifest, now: datetime) -> None:
        manifest = signed.manifest
        first, last = chains.note_gap(transaction, manifest, now)
        why = f"lines {first} to {last} do not come: the edge lost them, or set them aside"
        details = {"first_seq": first, "last_seq": last}
        event = _event(manifest.edge, "audit.gap", manifest.chain, now, details=details, why=why)
        transaction.record(event)

    def _note_refusal(self, edge: Machine, delivery: Delivery, error: PgwardError) -> None:
        """Record what was refused, once however often it is sent; to lag behind is no offence."""
        if isinstance(error, NotFollowingError) and error.reason != "fork":
            return
        refused = (delivery.chain, delivery.first_seq, error.message)
        if self._refused.get(edge.name) == refused:
            return
        self._refused[edge.name] = refused
        action = "audit.fork" if isinstance(error, NotFollowingError) else "audit.refuse"
        details = {"first_seq": delivery.first_seq}
        now = self._clock.now()
        with self._store.write() as transaction:
            transaction.record(
                _event(edge.name, action, delivery.chain, now, details=details, why=error.message)
            )


def _read(text: str) -> SignedManifest:
    try:
        return manifests.read(text)
    except ManifestError as error:
        raise InvalidInputError(error.message, hint=error.hint) from error


def _opened(data: bytes, signed: SignedManifest) -> Facts:
    try:
        return facts.read(chunks.opened(data, signed.manifest), signed.manifest.edge)
    except (ChunkError, ChainBrokenError, InvalidInputError) as error:
        raise UnacceptableError(error.message, hint=error.hint) from error


def _event(
    edge: str,
    action: str,
    chain: str,
    now: datetime,
    *,
    details: Mapping[str, object],
    why: str | None = None,
) -> AuditEvent:
    return AuditEvent.make(
        time=now,
        actor=f"{Kind.EDGE}:{edge}",
        action=action,
        outcome="ok" if why is None else "failed",
        target=chain,
        reason=why,
        client=caller.client.get(),
        details=details,
    )
