"""The CAs' keys in files of the directory: ``file:keys/user-issuing.key``, encrypted PKCS#8."""

from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from pgward.ca.hierarchy import KEYS
from pgward.ca.signer import KeySigner, Signer
from pgward.core.errors import InvalidInputError
from pgward.pki import keys, pkcs8
from pgward.system import files

_SCHEME = "file:"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made, and how it is found again."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    reference: str

    @property
    def signer(self) -> Signer:
        """What signs with it."""
        return KeySigner(self.key)


class FileKeys:
    """Keys below one directory, all under one passphrase."""

    def __init__(self, directory: Path, passphrase: bytes, *, rounds: int = pkcs8.ROUNDS) -> None:
        self._directory = directory
        self._passphrase = passphrase
        self._rounds = rounds

    def reference(self, ca: str) -> str:
        """Return where the key of a CA is, made here or not."""
        return f"{_SCHEME}{KEYS}/{ca}.key"

    def load(self, where: str) -> Signer:
        """Return what signs with a key; raise NotFoundError, BadKeyError, InvalidInputError."""
        return KeySigner.load(self._path(where), self._passphrase)

    def create(self, ca: str) -> NewKey:
        """Make a key; it is durable when this returns. Replaces one that nothing refers to."""
        key, where = keys.generate(), self.reference(ca)
        path = self._path(where)
        files.private_dir(path.parent)
        files.atomic_write(path, pkcs8.to_pem(key, self._passphrase, rounds=self._rounds))
        return NewKey(key, where)

    def _path(self, where: str) -> Path:
        if not where.startswith(_SCHEME):
            raise InvalidInputError(f"{where!r} is no key of this pgward", hint=f"{_SCHEME}PATH")
        return self._directory / where.removeprefix(_SCHEME)
