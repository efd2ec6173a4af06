"""``pgward ca init``: a CA directory appears whole, or not at all.

Everything is made in a sibling directory with a lock beside it, and renamed into place at the
end. What a killed run left behind is known by its free lock, and removed by the next run.
"""

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from pgward.audit.events import AuditEvent
from pgward.ca import caller, crl_maker, hierarchy, log_key
from pgward.ca import directory as people
from pgward.ca.hierarchy import NewCa, NewHierarchy
from pgward.ca.passwords import Passwords
from pgward.ca.records import CaName, CertificateRecord, Kind, Signed
from pgward.ca.settings import FILE, STORE_FILE, Settings
from pgward.ca.signer import KeySigner
from pgward.ca.store import Store, create
from pgward.ca.store.certificates import SqlCertificates
from pgward.core import names
from pgward.core.clock import Clock
from pgward.core.errors import ConflictError, InvalidInputError
from pgward.pki import fingerprint, keys, pkcs8
from pgward.system import files
from pgward.system.files import StorageError

PASSPHRASE_FILE = "passphrase"  # noqa: S105 - a file's name
PASSWORD_FILE = "initial-admin-password"  # noqa: S105 - a file's name
_LOCK = ".lock"
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
    with _storage(target), _sibling(target) as (building, lock):
        root = _fill(building, plan, password_hash, clock)
        if plan.password is None:
            files.atomic_write(building / PASSWORD_FILE, f"{password}\n".encode())
        _move_into_place(building, target, lock)
    return Made(
        directory=target,
        url=plan.settings.ca.url,
        fingerprint=root,
        administrator=plan.administrator,
        password_file=target / PASSWORD_FILE if plan.password is None else None,
        passphrase_file=target / PASSPHRASE_FILE if plan.passphrase is None else None,
    )


def refuse_existing(target: Path) -> None:
    """Raise ConflictError unless ``target`` is absent or an empty directory."""
    if (target / FILE).exists():
        raise ConflictError(
            f"there is a CA in {target} already",
            hint=f"pgward ca serve {target}, or choose another directory",
        )
    with _storage(target):
        if target.is_dir() and not any(target.iterdir()):
            return
        if os.path.lexists(target):
            raise ConflictError(f"{target} is there already", hint="choose another directory")


def _fill(building: Path, plan: Plan, password_hash: str, clock: Clock) -> str:
    """Write everything; return the fingerprint of the server root."""
    settings, passphrase, rounds = plan.settings, plan.passphrase, pkcs8.ROUNDS
    if passphrase is None:
        passphrase, rounds = secrets.token_urlsafe(32).encode(), _ROUNDS_FOR_RANDOM
        settings = replace(settings, keys=replace(settings.keys, passphrase_file=PASSPHRASE_FILE))
        files.atomic_write(building / PASSPHRASE_FILE, passphrase + b"\n")
    now, name = clock.now(), settings.ca.name
    user = hierarchy.create(name, CaName.USER_ROOT, CaName.USER_ISSUING, now)
    server = hierarchy.create(name, CaName.SERVER_ROOT, CaName.SERVER_ISSUING, now)
    hierarchy.write(
        building, [user.root, user.issuing, server.root, server.issuing], passphrase, rounds=rounds
    )
    log_key.create(building, passphrase, rounds=rounds)
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


@contextmanager
def _sibling(target: Path) -> Iterator[tuple[Path, Path]]:
    """Yield a new 0700 directory next to ``target`` and its lock; remove what is left of both.

    The lock lies beside it, so that at no moment there is such a directory without a lock.
    """
    prefix = f".{target.name}.init-"
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(target.parent, prefix)
    building = target.parent / f"{prefix}{secrets.token_hex(6)}"
    lock = building.with_name(f"{building.name}{_LOCK}")
    descriptor = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        building.mkdir(mode=0o700)
        yield building, lock
    finally:
        shutil.rmtree(building, ignore_errors=True)
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def _remove_abandoned(parent: Path, prefix: str) -> None:
    for path in parent.iterdir():
        if path.name.startswith(prefix) and path.name.endswith(_LOCK):
            with suppress(OSError):
                _remove_unlocked(path)


def _remove_unlocked(lock: Path) -> None:
    """Remove what a run of ours made that ended; OSError when it runs, or was not ours."""
    descriptor = files.open_regular(lock, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_uid == os.geteuid():
            shutil.rmtree(lock.with_name(lock.name.removesuffix(_LOCK)), ignore_errors=True)
            lock.unlink()
    finally:
        os.close(descriptor)


def _move_into_place(building: Path, target: Path, lock: Path) -> None:
    files.sync_dir(building)
    try:
        building.rename(target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise ConflictError(f"something else has just created {target}") from error
        raise
    lock.unlink()
    files.sync_dir(target.parent)


@contextmanager
def _storage(target: Path) -> Iterator[None]:
    """Explain read-only and full disks; nothing stays behind."""
    try:
        yield
    except StorageError as error:
        raise StorageError(error.message, hint=_HINT) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(f"cannot create {target}: {reason}", hint=_HINT) from error


_HINT = "check the owner, the free space and the mount options of that place; nothing was created"
