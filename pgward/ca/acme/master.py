"""``keys/acme.key``: the secret from which EAB keys and the MAC of nonces follow.

So the store holds no HMAC key, and a copy of it binds no account. All replicas need the same
file; the store knows its hash, so that one with another file says so instead of refusing clients.
"""

import hashlib
import hmac
import secrets
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from pgward.ca.store import Store
from pgward.ca.store.schema_acme import acme_secrets
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.system import files

FILE = "keys/acme.key"
_SIZE = 32
_NAME = "master"


class Master:
    """Derives keys from the secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @property
    def nonce_key(self) -> bytes:
        """The key of the nonces' MAC."""
        return self._derive(b"nonce")

    def eab_secret(self, kid: str) -> bytes:
        """Return the HMAC key, 32 bytes, of the EAB key with this id."""
        return self._derive(b"eab " + kid.encode())

    @property
    def sha256(self) -> str:
        """What the store knows the secret by: it tells nothing of 256 random bits."""
        return hashlib.sha256(self._secret).hexdigest()

    def _derive(self, what: bytes) -> bytes:
        return hmac.new(self._secret, b"pgward acme " + what, hashlib.sha256).digest()


def open_master(directory: Path, store: Store, now: datetime) -> Master:
    """Read the secret of a CA directory, or make the first one.

    Raises NotFoundError when another replica made it, InvalidInputError, StorageError.
    """
    path = directory / FILE
    known = _known(store)
    if known is None and not path.exists():
        with files.storage_errors(path):
            # With all keys in a token or behind a helper there is no directory of keys yet.
            path.parent.mkdir(mode=0o700, exist_ok=True)
            files.atomic_write(path, secrets.token_bytes(_SIZE))
    elif not path.exists():
        raise NotFoundError(
            f"there is no {path}, and the store was used with one",
            hint=f"copy {FILE} from the CA's other machine, or from its backup",
        )
    master = _read(path)
    if known is None:
        known = _remember(store, master, now)
    if master.sha256 != known:
        raise InvalidInputError(
            "it is not the one that the store was used with",
            where=str(path),
            hint=f"copy {FILE} from the CA's other machine, or from its backup",
        )
    return master


def _read(path: Path) -> Master:
    with files.storage_errors(path, "read"):
        data = files.read_regular(path)
    if len(data) != _SIZE:
        raise InvalidInputError(f"it is not {_SIZE} bytes long", where=str(path))
    return Master(data)


def _known(store: Store) -> str | None:
    with store.read() as connection:
        found = connection.execute(
            sa.select(acme_secrets.c.sha256).where(acme_secrets.c.name == _NAME)
        ).scalar_one_or_none()
    return None if found is None else str(found)


def _remember(store: Store, master: Master, now: datetime) -> str:
    """Store the hash; return it, or that of a replica that was quicker."""
    row = {"name": _NAME, "sha256": master.sha256, "created_at": now}
    with store.write() as transaction:
        known = _known(store)
        if known is None:
            transaction.execute(sa.insert(acme_secrets).values(row))
    return known or master.sha256
