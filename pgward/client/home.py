"""A person's home: which file is where, and the device key."""

import json
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from pgward.client.identity import Generations, IdentityPaths
from pgward.client.trust import FILE as TRUST_FILE
from pgward.client.trust import Trust
from pgward.pki import keys
from pgward.pki.errors import BadKeyError
from pgward.system.files import FileLock, atomic_write, private_dir, prove_writable, storage_errors

_DEVICE_KEY = "device.key"
_LAST_USER = "last_user"
_LAST_LOGIN = "last_login.json"
_NOTICED = "token-file-noticed"
_LOCK = "lock"
_DEVICE_LOCK = "device.lock"  # its own: the key is read while the identity's lock is held


@dataclass(frozen=True, slots=True)
class Home:
    """The directory with all of a person's files (``PGWARD_HOME``)."""

    directory: Path

    @property
    def generations(self) -> Generations:
        """The versions of the login certificate, its key and the session's data."""
        return Generations(self.directory / "identity")

    @property
    def paths(self) -> IdentityPaths:
        """The stable paths that psql uses."""
        current = self.generations.current
        return IdentityPaths(current / "login.crt", current / "login.key", current / "ca.crt")

    def prepare(self) -> None:
        """Create the directory for this user only, and prove that it can be written."""
        private_dir(self.directory)
        with self.lock():
            prove_writable(self.directory)

    def lock(self) -> FileLock:
        """Return the lock for every change of the identity."""
        return FileLock(self.directory / _LOCK)

    def device_key(self) -> ec.EllipticCurvePrivateKey:
        """Return the key that login tokens are bound to, made at the first call."""
        path = self.directory / _DEVICE_KEY
        with FileLock(self.directory / _DEVICE_LOCK):
            if not path.exists():
                atomic_write(path, keys.to_pem(keys.generate(), None))
            try:
                with storage_errors(path, "read"):
                    return keys.from_pem(path.read_bytes(), None)
            except BadKeyError as error:
                raise BadKeyError(
                    f"the device key {path} is damaged", hint="remove it, then: pgward login"
                ) from error

    def trust(self) -> Trust:
        """Return the pinned CA: the present identity's, else the last one pinned."""
        active = self.generations.active()
        if active is not None and (active / TRUST_FILE).exists():
            return Trust.load(active)
        return Trust.load(self.directory)

    def has_trust(self) -> bool:
        """Tell whether a CA is pinned."""
        return self.generations.active() is not None or (self.directory / TRUST_FILE).exists()

    def last_user(self) -> str | None:
        """Return who logged in last, or None."""
        try:
            return (self.directory / _LAST_USER).read_text(encoding="utf-8").strip() or None
        except (OSError, UnicodeDecodeError):
            return None  # a convenience: without it the person is asked or the OS user taken

    def remember_user(self, name: str) -> None:
        """Make ``name`` the default of the next login."""
        atomic_write(self.directory / _LAST_USER, f"{name}\n".encode())

    def last_login(self) -> tuple[str | None, str | None]:
        """Return the method and the provider of the last login, or None for either."""
        try:
            found = json.loads((self.directory / _LAST_LOGIN).read_bytes())
            method, provider = found["method"], found["provider"]
        except (OSError, ValueError, TypeError, KeyError):
            return None, None  # a convenience: without it the CA's first offer is taken
        known = isinstance(method, str) and isinstance(provider, str | None)
        return (method, provider) if known else (None, None)

    def remember_login(self, method: str, provider: str | None) -> None:
        """Make this the way of the next login."""
        text = json.dumps({"method": method, "provider": provider})
        atomic_write(self.directory / _LAST_LOGIN, text.encode())

    def first_notice(self) -> bool:
        """Tell once, ever, that the notice about the token's file has not been given."""
        path = self.directory / _NOTICED
        if path.exists():
            return False
        atomic_write(path, b"")
        return True
