"""An issuing CA below a company's root gets a successor: asked for here, signed there.

``ask`` makes the key and the request. When `pgward ca import` brings what the company's root
signed, ``begin`` begins the rotation, which then goes through the same phases as any other.
"""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.audit.events import AuditEvent
from pgward.ca import caller
from pgward.ca.ceremony import requests
from pgward.ca.ceremony.subordinate import Chain, SubordinateError
from pgward.ca.generations import Generation, Generations, State
from pgward.ca.records import CaName
from pgward.ca.rotation import beginning, making, rotations
from pgward.ca.rotation.beginning import NextCa
from pgward.ca.rotation.making import KeyMaker, PlacedKey
from pgward.ca.rotation.rotations import Rotation
from pgward.ca.store import Store, Transaction
from pgward.ca.store import authorities as stored
from pgward.ca.store.certificates import SqlCertificates
from pgward.core.clock import Clock
from pgward.core.errors import InvalidInputError, NotFoundError, PgwardError
from pgward.system import files
from pgward.system.files import FileLock


def ask(
    store: Store, directory: Path, key_maker: KeyMaker, target: CaName, *, name: str, clock: Clock
) -> Path:
    """Return the request of the next CA in a role, the same one until its rotation has begun.

    ``name`` is the authority's. Raises ConflictError when the hierarchy is being rotated.
    """
    with FileLock(directory / making.LOCK):
        with store.read() as connection:
            rotations.check_none_under_way(connection, target)
            ca = stored.read(connection).next_id(target)
        key = making.key_of(key_maker, ca, target)
        path = requests.path(directory, ca)
        if not _is_asked_for(directory, key):
            made = requests.sign(name, target, key.signer)
            files.atomic_write(path, made.public_bytes(Encoding.PEM), mode=0o644)
            _record(store, ca, path, clock)
    return path


def begin(
    transaction: Transaction,
    chain: Chain,
    key_maker: KeyMaker,
    known: Generations,
    certificates: SqlCertificates,
    *,
    clock: Clock,
) -> Rotation:
    """Begin the rotation to what the company's root signed, whose certificate is stored already.

    Raises ConflictError when another is under way, NotFoundError when the key is not here.
    """
    if any(each.id == chain.ca for each in known.all):
        raise SubordinateError(
            f"there is a {chain.ca} already, and it has another key", hint="pgward ca rotate status"
        )
    where = key_maker.intended(chain.ca)
    signer = key_maker.load(where)
    if signer.public_key != chain.issuing.public_key():
        raise InvalidInputError(f"it is not the key of the request {chain.ca}", where=where)
    generation = Generation(chain.ca, chain.name, State.NEXT, chain.issuing, (), where, clock.now())
    made = [NextCa(generation, signer)]
    return beginning.begin(transaction, made, known, certificates, clock)


def is_below_a_company(directory: Path, key_maker: KeyMaker, root: Generation) -> bool:
    """Tell whether the root belongs to a company, which signs what we ask for."""
    if not any((directory / requests.REQUESTS).glob("*.csr")):
        return False
    try:
        key_maker.load(root.key)
    except NotFoundError:
        return True
    return False


def _is_asked_for(directory: Path, key: PlacedKey) -> bool:
    """Tell whether there is a request for this key; another one is written anew."""
    try:
        found: x509.CertificateSigningRequest = requests.load(directory, key.id)
    except PgwardError:
        return False
    return found.public_key() == key.signer.public_key


def _record(store: Store, ca: str, path: Path, clock: Clock) -> None:
    event = AuditEvent.make(
        time=clock.now(),
        actor=caller.SYSTEM,
        action="rotation.request",
        target=ca,
        details={"request": path.name},
    )
    with store.write() as transaction:
        transaction.record(event)
