"""Takes what a company's root signed into a CA directory: all of a CA, or nothing.

The store first, as it may refuse, and then the files. Killed in between, it is done by doing it
again: what the store has already is not stored twice.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.audit.events import AuditEvent
from pgward.ca import caller, hierarchy
from pgward.ca.ceremony import requests, subordinate
from pgward.ca.ceremony.subordinate import Chain, Signed, SubordinateError
from pgward.ca.generations import ROOTS, Generation, Generations
from pgward.ca.records import CaName, CertificateRecord, Kind, PublishedCrl
from pgward.ca.records import Signed as SignedRecord
from pgward.ca.rotation import succession
from pgward.ca.rotation.making import KeyMaker
from pgward.ca.rotation.rotations import Rotation
from pgward.ca.store import Store
from pgward.ca.store import authorities as stored
from pgward.ca.store.certificates import SqlCertificates
from pgward.ca.store.schema import certificates as table
from pgward.ca.store.schema_authorities import authorities
from pgward.ca.store.transaction import Transaction
from pgward.core.clock import Clock
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.pki import crl as crls
from pgward.pki import keys, pem
from pgward.system import files

_MAX_BYTES = 16 * 1024 * 1024
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_CRL_LABEL, _CERTIFICATE_LABEL = b"X509 CRL", b"CERTIFICATE"


@dataclass(frozen=True, slots=True)
class Imported:
    """What was taken, what is still missing, and what needs attention."""

    chains: tuple[Chain, ...]
    lists: tuple[PublishedCrl, ...]
    missing: tuple[str, ...]
    warnings: tuple[str, ...]
    begun: tuple[Rotation, ...] = ()


def read(paths: Iterable[Path]) -> Signed:
    """Read certificates and CRLs, PEM (any number in a file) or DER; raise InvalidInputError."""
    certificates: list[x509.Certificate] = []
    lists: list[x509.CertificateRevocationList] = []
    for path in paths:
        found = _read(path)
        certificates += [each for each in found if isinstance(each, x509.Certificate)]
        lists += [each for each in found if isinstance(each, x509.CertificateRevocationList)]
    return Signed(tuple(certificates), tuple(lists))


def take(
    directory: Path, store: Store, found: Signed, key_maker: KeyMaker, clock: Clock
) -> Imported:
    """Take everything that is usable of what came back; a successor's rotation begins with it.

    Raises SubordinateError when anything for our CAs is not, after which nothing has changed;
    NotFoundError when the directory has no requests; StorageError. Keys are needed for successors
    only.
    """
    now = clock.now()
    roles = {str(name): name for name in ROOTS} | requests.successors(directory)
    asked = {ca: requests.load(directory, ca).public_key() for ca in roles}
    ours = [ca for ca in roles if subordinate.certificate_of(asked[ca], found) is not None]
    chains = [subordinate.assemble(roles[ca], asked[ca], found, now, successor=ca) for ca in ours]
    lists = _lists(directory, chains, found, clock)
    if not chains and not lists:
        raise SubordinateError(
            "nothing among that is for the keys of this CA",
            hint=f"have the requests in {directory / requests.REQUESTS} signed, as they are",
        )
    begun = _store(store, chains, lists, key_maker, clock)
    _write(directory, chains)
    told = dict.fromkeys(each for chain in chains for each in subordinate.warnings(chain, now))
    missing = tuple(_missing(directory))
    return Imported(tuple(chains), tuple(lists), missing, tuple(told), tuple(begun))


def _lists(directory: Path, chains: list[Chain], found: Signed, clock: Clock) -> list[PublishedCrl]:
    """Return the roots' lists: those of the chains, and newer ones of roots known already."""
    lists = list({each.root_name: _published(each.root_name, each.crl) for each in chains}.values())
    done = {chain.root_name for chain in chains}
    for name in set(ROOTS.values()) - done:
        try:
            root = hierarchy.certificate(directory, name)
        except NotFoundError:
            continue
        crl = subordinate.newest_crl(root, found.crls)
        if crl is None:
            continue
        if wrong := list(subordinate.crl_findings(crl, root, clock.now())):
            raise SubordinateError(f"the list of {name} cannot be used: {'; '.join(wrong)}")
        lists.append(_published(name, crl))
    return lists


def _store(
    store: Store,
    chains: list[Chain],
    lists: list[PublishedCrl],
    key_maker: KeyMaker,
    clock: Clock,
) -> list[Rotation]:
    certificates = SqlCertificates(store, clock)
    begun: list[Rotation] = []
    with store.write() as transaction:
        for chain in chains:
            known = transaction.execute(
                sa.select(table.c.serial).where(
                    table.c.serial == f"{chain.issuing.serial_number:x}"
                )
            ).first()
            if known is None:
                record = _record(chain)
                certificates.reserve([record])
                der = chain.issuing.public_bytes(Encoding.DER)
                certificates.record([SignedRecord(record, der)])
            generations = stored.read(transaction.connection)
            if not generations.all:
                continue  # `ca serve` has not run yet: it takes the files
            if _renew(transaction, chain, generations):
                continue
            begun.append(
                succession.begin(
                    transaction, chain, key_maker, generations, certificates, clock=clock
                )
            )
        for each in lists:
            before = certificates.latest_crl(each.name)
            if before is None or before.number < each.number:
                certificates.save_crl(each)
            elif before.der != each.der:
                raise SubordinateError(
                    f"the store has list number {before.number} of {each.name} already, and this"
                    f" one has number {each.number}",
                    hint="give the newest one; numbers have to grow",
                )
        transaction.record(
            AuditEvent.make(
                time=clock.now(),
                actor=caller.SYSTEM,
                action="ca.import",
                target=", ".join(chain.ca for chain in chains) or "revocation lists",
                details={str(each.name): each.number for each in lists},
            )
        )
    return begun


def _renew(transaction: Transaction, chain: Chain, generations: Generations) -> bool:
    """Replace the certificates of CAs that are in use, whose keys stay; False for a successor."""
    root = _of_key(generations, chain.root_name, chain.root)
    if root is None:
        raise _another_key(chain.root_name)
    _replace(transaction, root, chain.root)
    issuing = _of_key(generations, chain.name, chain.issuing)
    if issuing is not None:
        _replace(transaction, issuing, chain.issuing)
    elif chain.ca == chain.name:
        raise _another_key(chain.name)
    return issuing is not None


def _replace(transaction: Transaction, each: Generation, certificate: x509.Certificate) -> None:
    der = certificate.public_bytes(Encoding.DER)
    wanted = authorities.c.id == each.id
    transaction.execute(sa.update(authorities).where(wanted).values(certificate=der))
    transaction.changed()


def _another_key(name: CaName) -> SubordinateError:
    return SubordinateError(
        f"the {name} CA that is in use has another key",
        hint="pgward ca rotate status shows what is in use",
    )


def _of_key(
    generations: Generations, role: CaName, certificate: x509.Certificate
) -> Generation | None:
    return next((each for each in generations.all if _is_of(each, role, certificate)), None)


def _is_of(each: Generation, role: CaName, certificate: x509.Certificate) -> bool:
    mine, other = (keys.spki_sha256(of.public_key()) for of in (each.certificate, certificate))
    return each.role is role and mine == other


def _write(directory: Path, chains: list[Chain]) -> None:
    """Write the certificates; the issuing CA's last, as it is what `ca serve` looks for."""
    certs = directory / hierarchy.CERTS
    with files.storage_errors(certs, "create"):
        certs.mkdir(mode=0o755, exist_ok=True)
    for chain in chains:
        for name, each in ((chain.root_name, chain.root), (chain.ca, chain.issuing)):
            files.atomic_write(certs / f"{name}.crt", pem.join([each]), mode=0o644)


def _missing(directory: Path) -> list[str]:
    return [
        str(name) for name in ROOTS if not (directory / hierarchy.CERTS / f"{name}.crt").exists()
    ]


def _record(chain: Chain) -> CertificateRecord:
    issuing = chain.issuing
    return CertificateRecord(
        serial=issuing.serial_number,
        ca=chain.root_name,
        kind=Kind.CA,
        subject=chain.ca,
        not_before=issuing.not_valid_before_utc,
        not_after=issuing.not_valid_after_utc,
        key_sha256=keys.spki_sha256(issuing.public_key()),
    )


def _published(name: CaName, crl: x509.CertificateRevocationList) -> PublishedCrl:
    der = crl.public_bytes(Encoding.DER)
    return PublishedCrl(name, crls.number(crl), crl.last_update_utc, crls.next_update(crl), der)


def _read(path: Path) -> list[x509.Certificate | x509.CertificateRevocationList]:
    try:
        data = files.read_regular(path, _MAX_BYTES)
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise InvalidInputError(reason, where=str(path)) from error
    try:
        found = _read_pem(data) or _read_der(data)
    except ValueError as error:
        raise InvalidInputError("it is damaged", where=str(path)) from error
    if not found:
        raise InvalidInputError(
            "it holds no certificate and no revocation list",
            where=str(path),
            hint="PEM or DER; a PKCS#7 file (.p7b) is turned by: openssl pkcs7 -print_certs",
        )
    return found


def _read_pem(data: bytes) -> list[x509.Certificate | x509.CertificateRevocationList]:
    found: list[x509.Certificate | x509.CertificateRevocationList] = []
    for block in _PEM.finditer(data):
        if block[1] == _CERTIFICATE_LABEL:
            found.append(x509.load_pem_x509_certificate(block[0]))
        elif block[1] == _CRL_LABEL:
            found.append(x509.load_pem_x509_crl(block[0]))
    return found


def _read_der(data: bytes) -> list[x509.Certificate | x509.CertificateRevocationList]:
    for load in (x509.load_der_x509_certificate, x509.load_der_x509_crl):
        with suppress(ValueError):
            return [load(data)]
    return []
