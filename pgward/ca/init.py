"""``pgward ca init``: a CA directory appears whole, or not at all."""

import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from pgward.audit.events import AuditEvent
from pgward.ca import caller, crl_maker, hierarchy, log_key
from pgward.ca import directory as people
from pgward.ca.building import move_into_place, refuse_existing, sibling, storage
from pgward.ca.hierarchy import NewCa, NewHierarchy
from pgward.ca.passwords import Passwords
from pgward.ca.records import CaName, CertificateRecord, Kind, Signed
from pgward.ca.settings import FILE, STORE_FILE, Settings
from pgward.ca.signer import KeySigner
from pgward.ca.signers.keeper import KeyKeeper
from pgward.ca.store import Store, create
from pgward.ca.store.certificates import SqlCertificates
from pgward.core import names
from pgward.core.clock import Clock
from pgward.core.errors import InvalidInputError
from pgward.pki import fingerprint, keys, pkcs8
from pgward.pki.key_types import SigningKey
from pgward.system import files

PASSPHRASE_FILE = "passphrase"  # noqa: S105 - a file's name
PASSWORD_FILE = "initial-admin-password"  # noqa: S105 - a file's name
_ROUNDS_FOR_RANDOM = 2048  # 256 random bits need no stretching


@dataclass(frozen=True, slots=True)
class Plan:
    """What to create; a passphrase or password that is None is generated and kept in a file."""

    settings: Settings
    administrator: str
    password: str | None
    passphrase: bytes | None


@dataclass(frozen=True, slots=True)
class Made:
    """What a person needs to know afterwards."""

    directory: Path
    url: str
    fingerprint: str
    administrator: str
    password_file: Path | None
    passphrase_file: Path | None


def create_ca(directory: Path, plan: Plan, clock: Clock) -> Made:
    """Create the CA; raise ConflictError (something is there), StorageError, InvalidInputError."""
    names.new_identity(plan.administrator)
    if plan.settings.store.url:
        raise InvalidInputError("a new CA starts with the SQLite store in its directory")
    target = directory.absolute()
    refuse_existing(target)
    passwords = Passwords()
    password = plan.password or secrets.token_urlsafe(15)
    password_hash = passwords.hash(password)
    with storage(target), sibling(target) as (building, lock):
        root = _fill(building, plan, password_hash, clock)
        if plan.password is None:
            files.atomic_write(building / PASSWORD_FILE, f"{password}\n".encode())
        move_into_place(building, target, lock)
    return Made(
        directory=target,
        url=plan.settings.ca.url,
        fingerprint=root,
        administrator=plan.administrator,
        password_file=target / PASSWORD_FILE if plan.password is None else None,
        passphrase_file=target / PASSPHRASE_FILE if plan.passphrase is None else None,
    )


def _fill(building: Path, plan: Plan, password_hash: str, clock: Clock) -> str:
    """Write everything; return the fingerprint of the server root."""
    settings, passphrase, rounds = plan.settings, plan.passphrase, pkcs8.ROUNDS
    if passphrase is None:
        passphrase, rounds = secrets.token_urlsafe(32).encode(), _ROUNDS_FOR_RANDOM
        settings = replace(settings, keys=replace(settings.keys, passphrase_file=PASSPHRASE_FILE))
        files.atomic_write(building / PASSPHRASE_FILE, passphrase + b"\n")
    opened = passphrase
    keeper = KeyKeeper(
        building, settings.keys, passphrase=lambda: opened, pin=lambda: b"", rounds=rounds
    )
    now, name = clock.now(), settings.ca.name

    def make_key(ca: str) -> SigningKey:
        return keeper.create(ca).key

    user = hierarchy.create(name, CaName.USER_ROOT, CaName.USER_ISSUING, now, make_key)
    server = hierarchy.create(name, CaName.SERVER_ROOT, CaName.SERVER_ISSUING, now, make_key)
    hierarchy.write(building, [user.root, user.issuing, server.root, server.issuing])
    log_key.create(building, keeper)
    store = create(f"sqlite:///{building / STORE_FILE}")
    try:
        _fill_store(store, [user, server], plan.administrator, password_hash, clock)
    finally:
        store.close()
    files.atomic_write(building / FILE, settings.dump().encode())
    return fingerprint.of(server.root.certificate)


def _fill_store(
    store: Store, made: list[NewHierarchy], administrator: str, password_hash: str, clock: Clock
) -> None:
    now = clock.now()
    certificates = SqlCertificates(store, clock)
    new = people.NewUser(administrator, groups=[people.ADMINISTRATORS], password_hash=password_hash)
    with store.write() as transaction:
        for each in made:
            _store_hierarchy(certificates, each, clock)
        people.add(transaction, new, now=now, by=caller.SYSTEM)
        transaction.record(
            AuditEvent.make(
                time=now,
                actor=caller.SYSTEM,
                action="ca.init",
                target=administrator,
                details={"server_root": fingerprint.of(made[-1].root.certificate)},
            )
        )


def _store_hierarchy(certificates: SqlCertificates, made: NewHierarchy, clock: Clock) -> None:
    """Store both certificates and a CRL of each; the root's lives as long as the root."""
    for ca in (made.root, made.issuing):
        record = _record(ca, made.root.name)
        certificates.reserve([record])
        certificates.record([Signed(record, ca.certificate.public_bytes(Encoding.DER))])
    now, root = clock.now(), made.root
    certificates.save_crl(
        crl_maker.sign(
            root.name,
            root.certificate,
            KeySigner(root.key),
            now=now,
            next_update=root.certificate.not_valid_after_utc,
            number=crl_maker.next_number(now, 0),
        )
    )
    crl_maker.CrlMaker([made.issuing.as_issuing()], certificates, clock).publish()


def _record(ca: NewCa, root: CaName) -> CertificateRecord:
    return CertificateRecord(
        serial=ca.certificate.serial_number,
        ca=root,
        kind=Kind.CA,
        subject=ca.name,
        not_before=ca.certificate.not_valid_before_utc,
        not_after=ca.certificate.not_valid_after_utc,
        key_sha256=keys.spki_sha256(ca.key.public_key()),
    )
