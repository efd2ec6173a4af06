"""Secrets that all replicas of a CA share: 32 random bytes in a file of ``keys/``.

The store knows only the hash of each, so that a copy of it opens nothing, and a replica with
another file says so instead of misreading what the others wrote.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from pgward.ca.store import Store
from pgward.ca.store.schema_store import shared_secrets
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.system import files

SIZE = 32


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """One secret: ``name`` is its row in the store, ``file`` its path below the CA's directory."""

    name: str
    file: str
    data: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """What the store knows it by: it tells nothing of 256 random bits."""
        return hashlib.sha256(self.data).hexdigest()


def open_secret(
    directory: Path, store: Store, *, name: str, file: str, now: datetime
) -> SharedSecret:
    """Read a secret of a CA directory, or make the first one.

    Raises NotFoundError when another replica made it, InvalidInputError, StorageError.
    """
    path = directory / file
    known = _known(store, name)
    if known is None and not path.exists():
        with files.storage_errors(path):
            # With all keys in a token or behind a helper there is no directory of keys yet.
            path.parent.mkdir(mode=0o700, exist_ok=True)
            files.atomic_write(path, secrets.token_bytes(SIZE))
    elif not path.exists():
        raise NotFoundError(
            f"there is no {path}, and the store was used with one", hint=_hint(file)
        )
    found = SharedSecret(name, file, _read(path))
    if known is None:
        known = _remember(store, found, now)
    if found.sha256 != known:
        raise InvalidInputError(
            "it is not the one that the store was used with", where=str(path), hint=_hint(file)
        )
    return found


def _hint(file: str) -> str:
    return f"copy {file} from the CA's other machine, or from its backup"


def _read(path: Path) -> bytes:
    with files.storage_errors(path, "read"):
        data = files.read_regular(path)
    if len(data) != SIZE:
        raise InvalidInputError(f"it is not {SIZE} bytes long", where=str(path))
    return data


def _known(store: Store, name: str) -> str | None:
    with store.read() as connection:
        found = connection.execute(
            sa.select(shared_secrets.c.sha256).where(shared_secrets.c.name == name)
        ).scalar_one_or_none()
    return None if found is None else str(found)


def _remember(store: Store, secret: SharedSecret, now: datetime) -> str:
    """Store the hash; return it, or that of a replica that was quicker."""
    row = {"name": secret.name, "sha256": secret.sha256, "created_at": now}
    with store.write() as transaction:
        known = _known(store, secret.name)
        if known is None:
            transaction.execute(sa.insert(shared_secrets).values(row))
    return known or secret.sha256
