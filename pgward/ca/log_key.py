"""The log's own key: ``keys/log.key``, and ``certs/log.pub`` for everyone.

It is no CA's key and has no certificate, so that heads can be verified after every rotation.
Replicas share it, as they share the keys of the CAs.
"""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from pgward.core.errors import NotFoundError
from pgward.pki import keys, pkcs8, tree_head
from pgward.pki.errors import BadKeyError, LogError
from pgward.system import files
from pgward.system.files import FileLock, storage_errors

PRIVATE = Path("keys", "log.key")
PUBLIC = Path("certs", "log.pub")
_LOCK = Path("keys", ".log.lock")


def create(
    directory: Path, passphrase: bytes, *, rounds: int = pkcs8.ROUNDS
) -> ec.EllipticCurvePrivateKey:
    """Make the key of a CA directory's log, encrypted with the passphrase of the CAs' keys."""
    key = keys.generate()
    files.atomic_write(directory / PRIVATE, pkcs8.to_pem(key, passphrase, rounds=rounds))
    _publish(directory, key)
    return key


def load_or_create(directory: Path, passphrase: bytes) -> ec.EllipticCurvePrivateKey:
    """Return the log's key, made now for a directory older than the log.

    Raises BadKeyError (another passphrase), StorageError.
    """
    path = directory / PRIVATE
    if not path.exists():
        with FileLock(directory / _LOCK):
            if not path.exists():
                return create(directory, passphrase)
    with storage_errors(path, "read"):
        data = path.read_bytes()
    try:
        key = keys.from_pem(data, passphrase)
    except BadKeyError as error:
        raise BadKeyError(error.message, where=str(path), hint=error.hint) from error
    if not (directory / PUBLIC).exists():
        _publish(directory, key)
    return key


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
