"""The log's own key: ``keys/log.key``, and ``certs/log.pub`` for everyone.

It is no CA's key and has no certificate, so that heads can be verified after every rotation.
Replicas share it, as they share the keys of the CAs.
"""

from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec

from pgward.ca.keys.keeper import KeyKeeper, NewKey
from pgward.core.errors import NotFoundError
from pgward.pki import tree_head
from pgward.pki.errors import BadKeyError, LogError
from pgward.pki.key_types import KeyType
from pgward.system import files
from pgward.system.files import FileLock, storage_errors

NAME = "log"
PUBLIC = Path("certs", "log.pub")
_LOCK = Path("certs", ".log.lock")


class Maker(Protocol):
    """What makes keys: a keeper, or the one of a new directory."""

    def create(self, ca: str, key_type: KeyType | None = None) -> NewKey:
        """Make a key."""
        ...


def create(directory: Path, maker: Maker) -> str:
    """Make the key of a CA directory's log where the CAs' keys are; return its reference."""
    new = maker.create(NAME, KeyType.P256)
    (directory / PUBLIC).parent.mkdir(mode=0o755, exist_ok=True)
    _publish(directory, _p256(new.key))
    return new.reference


def load_or_create(
    directory: Path, keeper: KeyKeeper, *, expected: str | None = None
) -> ec.EllipticCurvePrivateKey:
    """Return the log's key, made now for a directory older than the log.

    ``expected`` is the id of the log that has signed before. Raises BadKeyError (another
    passphrase, another key), StorageError, and what the keeper raises.
    """
    try:
        key = _p256(keeper.load_key(keeper.reference(NAME)))
    except NotFoundError as error:
        # It was there once: another one would fork the log.
        if expected is not None or (directory / PUBLIC).exists():
            raise NotFoundError(f"{error.message}: it signs the log", hint=_HINT) from error
        with FileLock(directory / _LOCK):
            if not (directory / PUBLIC).exists():
                create(directory, keeper)
        key = _p256(keeper.load_key(keeper.reference(NAME)))
    found = tree_head.log_id(key.public_key())
    if expected not in (None, found):
        raise BadKeyError(f"the key of log {expected} is needed, not of {found}", hint=_HINT)
    if not (directory / PUBLIC).exists():
        _publish(directory, key)
    return key


_HINT = "copy keys/log.key from the replica that signed before, or from a backup"


def public(directory: Path) -> ec.EllipticCurvePublicKey:
    """Return the log's public key; raise NotFoundError, LogError."""
    path = directory / PUBLIC
    try:
        with storage_errors(path, "read"):
            return tree_head.load_key(path.read_bytes())
    except LogError as error:
        raise LogError(f"{path}: {error.message}") from error
    except Exception as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise NotFoundError(
                f"there is no {path}", hint="pgward ca serve DIR makes the log's key"
            ) from error
        raise


def _publish(directory: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pem = tree_head.dump_key(key.public_key()).encode()
    files.atomic_write(directory / PUBLIC, pem, mode=0o644)


def _p256(key: object) -> ec.EllipticCurvePrivateKey:
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadKeyError("the log's key is not on the curve P-256")
    return key
