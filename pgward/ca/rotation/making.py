"""``pgward ca rotate start``: the next CAs, made where the root's key is.

The keys are durable first; then the certificates are stored as begun, signed, and in one
transaction stored with their CRLs, their generations and the rotation. Who was killed before that
leaves keys that nothing refers to, and the next run takes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.ca import hierarchy
from pgward.ca.generations import ROOTS, Generation, Generations, State
from pgward.ca.issuing import lint, profiles
from pgward.ca.issuing.profiles import Contents, Profile
from pgward.ca.keys.signer import KeySigner, Signer
from pgward.ca.records import CaName, CertificateRecord, Kind, Signed
from pgward.ca.rotation import beginning, rotations
from pgward.ca.rotation.beginning import NextCa
from pgward.ca.rotation.rotations import Rotation
from pgward.ca.standing import adopt_files
from pgward.ca.store import Store, Transaction
from pgward.ca.store import authorities as stored
from pgward.ca.store.certificates import SqlCertificates
from pgward.core.clock import Clock
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.pki import key_types, keys, pem
from pgward.system import files
from pgward.system.files import FileLock

LOCK = "rotate.lock"


class NewKey(Protocol):
    """A key that was just made."""

    @property
    def reference(self) -> str:
        """Where it is."""
        ...

    @property
    def signer(self) -> Signer:
        """What signs with it."""
        ...


class KeyMaker(Protocol):
    """Makes keys in this directory, and finds them again."""

    def reference(self, ca: str) -> str:
        """Return where the key of a CA is that was made with the directory."""
        ...

    def intended(self, ca: str) -> str:
        """Return where ``create`` would put it."""
        ...

    def load(self, where: str) -> Signer:
        """Return what signs with the key at a reference; raise NotFoundError."""
        ...

    def create(self, ca: str) -> NewKey:
        """Make a key; it is durable when this returns."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What to replace; ``root`` signs with the present root's key, None when that is lost.

    Without it a root can be replaced, but no certificate leads from the new to the old one.
    """

    target: CaName
    name: str
    root: Signer | None


@dataclass(frozen=True, slots=True)
class PlacedKey:
    """The key of a CA to be, and where it is."""

    id: str
    role: CaName
    reference: str
    signer: Signer


@dataclass(frozen=True, slots=True)
class _Made:
    """A certificate that is about to be signed, and by whom."""

    ca: str
    issuer: str
    profile: Profile
    contents: Contents
    by: x509.Certificate | None
    signer: Signer

    def sign(self) -> x509.Certificate:
        """Lint with a throw-away key, then sign."""
        unsigned = profiles.build(self.profile, self.contents, self.by)
        throw_away = KeySigner(key_types.generate_like(self.signer.public_key))
        lint.check(throw_away.sign_certificate(unsigned), self.profile, self.by)
        return self.signer.sign_certificate(unsigned)

    @property
    def record(self) -> CertificateRecord:
        """What is stored before it is signed."""
        return CertificateRecord(
            serial=self.contents.serial,
            ca=self.issuer,
            kind=Kind.CA,
            subject=self.ca,
            not_before=self.contents.not_before,
            not_after=self.contents.not_after,
            key_sha256=keys.spki_sha256(self.contents.key),
        )


def start(store: Store, directory: Path, key_maker: KeyMaker, plan: Plan, clock: Clock) -> Rotation:
    """Make the next CAs, trusted from now on; raise ConflictError when one is being replaced."""
    adopt_files(store, directory, key_maker)
    with FileLock(directory / LOCK):
        with store.read() as connection:
            rotations.check_none_under_way(connection, plan.target)
            known = stored.read(connection)
        _check_root(known, plan)
        roles = _roles(plan.target)
        made = [key_of(key_maker, known.next_id(role), role) for role in roles]
        return _Maker(store, directory, plan, known, clock).make(made)


def _roles(target: CaName) -> list[CaName]:
    """Return the roles that get a new CA, the root first."""
    if target in ROOTS:
        return [target]
    return [target, next(role for role, root in ROOTS.items() if root is target)]


def _check_root(known: Generations, plan: Plan) -> None:
    role = ROOTS.get(plan.target, plan.target)
    current = known.current(role)
    if plan.root is None:
        if plan.target in ROOTS:
            raise InvalidInputError(f"the key of {current.id} is needed to make an issuing CA")
        return
    if plan.root.public_key != current.certificate.public_key():
        raise InvalidInputError(
            f"that is not the key of {current.id}", hint="--root-key names another file"
        )


def key_of(key_maker: KeyMaker, name: str, role: CaName) -> PlacedKey:
    """Return the key of a CA to be: one that a run which was cut off left, or a new one."""
    where = key_maker.intended(name)
    try:
        return PlacedKey(name, role, where, key_maker.load(where))
    except NotFoundError:
        made = key_maker.create(name)
        return PlacedKey(name, role, made.reference, made.signer)


class _Maker:
    """Makes the certificates of one rotation."""

    def __init__(
        self, store: Store, directory: Path, plan: Plan, known: Generations, clock: Clock
    ) -> None:
        self._store = store
        self._directory = directory
        self._plan = plan
        self._known = known
        self._clock = clock
        self._now = clock.now()
        self._certificates = SqlCertificates(store, clock)

    def make(self, made: Sequence[PlacedKey]) -> Rotation:
        issuing = made[-1]
        root = made[0] if len(made) > 1 else None
        generations: list[Generation] = []
        signed: list[Signed] = []
        if root is not None:
            generation, ours = self._root(root)
            generations.append(generation)
            signed += ours
            parent, signer = generation, root.signer
        else:
            parent = self._known.current(ROOTS[issuing.role])
            signer = _needed(self._plan.root)
        certificate = self._sign(self._issuing(issuing, parent, signer), signed)
        generations.append(self._generation(issuing, certificate, ()))
        self._write(generations)
        with self._store.write() as transaction:
            return self._store_all(transaction, made, generations, signed)

    def _root(self, key: PlacedKey) -> tuple[Generation, list[Signed]]:
        """Make a root, of the old one's name: see docs/adr for why."""
        old, signed = self._known.current(key.role), list[Signed]()
        subject = old.certificate.subject
        itself = self._made(key, key.id, profiles.ROOT, subject, None, key.signer)
        certificate = self._sign(itself, signed)
        cross: tuple[x509.Certificate, ...] = ()
        if self._plan.root is not None:
            by_old = self._made(
                key, old.id, profiles.ROOT, subject, old.certificate, self._plan.root
            )
            cross = (self._sign(by_old, signed),)
        return self._generation(key, certificate, cross), signed

    def _issuing(self, key: PlacedKey, parent: Generation, signer: Signer) -> _Made:
        subject = hierarchy.subject(self._plan.name, key.role, key.signer.public_key)
        return self._made(key, parent.id, profiles.ISSUING, subject, parent.certificate, signer)

    def _made(  # noqa: PLR0917 - what a certificate consists of
        self,
        key: PlacedKey,
        issuer: str,
        profile: Profile,
        subject: x509.Name,
        by: x509.Certificate | None,
        signer: Signer,
    ) -> _Made:
        start = (self._now - profiles.BACKDATE).replace(microsecond=0)
        end = start + profile.max_lifetime
        if by is not None:
            start = max(start, by.not_valid_before_utc)
            end = min(end, by.not_valid_after_utc)
        contents = Contents(
            subject=subject,
            key=key.signer.public_key,
            serial=x509.random_serial_number(),
            not_before=start,
            not_after=end,
        )
        return _Made(key.id, issuer, profile, contents, by, signer)

    def _sign(self, made: _Made, signed: list[Signed]) -> x509.Certificate:
        self._certificates.reserve([made.record])
        certificate = made.sign()
        signed.append(Signed(made.record, certificate.public_bytes(Encoding.DER)))
        return certificate

    def _generation(
        self, key: PlacedKey, certificate: x509.Certificate, cross: tuple[x509.Certificate, ...]
    ) -> Generation:
        return Generation(
            key.id, key.role, State.NEXT, certificate, cross, key.reference, self._now
        )

    def _write(self, generations: Sequence[Generation]) -> None:
        """Write the certificates as files as well, for people to read."""
        certs = self._directory / hierarchy.CERTS
        for each in generations:
            files.atomic_write(certs / f"{each.id}.crt", pem.join([each.certificate]), mode=0o644)
            if each.cross:
                path = certs / f"{each.id}-cross.crt"
                files.atomic_write(path, pem.join(each.cross), mode=0o644)

    def _store_all(
        self,
        transaction: Transaction,
        made: Sequence[PlacedKey],
        generations: Sequence[Generation],
        signed: Sequence[Signed],
    ) -> Rotation:
        rotations.check_none_under_way(transaction.connection, self._plan.target)
        for refusal in self._certificates.record(signed).values():
            raise refusal
        pairs = zip(made, generations, strict=True)
        next_cas = [NextCa(generation, key.signer) for key, generation in pairs]
        return beginning.begin(transaction, next_cas, self._known, self._certificates, self._clock)


def _needed(signer: Signer | None) -> Signer:
    if signer is None:
        raise InvalidInputError("the root's key is needed to make an issuing CA")
    return signer
