"""Certificate, key and CA bundle as one: complete in an old or a new version, never mixed.

``identity/<generation>/`` holds one version and does not change; the symlink
``identity/current`` names the one in use and is replaced atomically. A process killed
while it writes leaves a directory that nothing names, which the next install removes.
"""

import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pgward.system.files import private_dir, storage_errors, sync_dir, write_new

_CURRENT = "current"
PUBLIC = 0o644
PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class IdentityPaths:
    """Stable paths for libpq: certificate (leaf and issuing CA), key, and server roots.

    A person's identity has the key in two more forms beside that of PEM.
    """

    cert: Path
    key: Path
    ca: Path

    @property
    def key_der(self) -> Path:
        """The key as PKCS#8 DER, as pgjdbc wants it."""
        return self.key.with_suffix(".pk8")

    @property
    def pkcs12(self) -> Path:
        """Key and chain as PKCS#12."""
        return self.key.with_suffix(".p12")


class Generations:
    """The versions of one identity; callers hold a FileLock while they install or remove."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.current = directory / _CURRENT

    def active(self) -> Path | None:
        """Return the real directory in use, or None when there is no identity."""
        with storage_errors(self.current, "read"):
            try:
                name = os.readlink(self.current)  # noqa: PTH115 - a name, not a Path, is stored
            except FileNotFoundError:
                return None
        return self.directory / name

    def install(self, files: Mapping[str, tuple[bytes, int]], now: datetime) -> Path:
        """Write ``name: (content, mode)`` as a new generation, make it current, and tidy up.

        Raises StorageError, after which the former generation is still in use. The one before
        stays, for libpq may just be reading it.
        """
        private_dir(self.directory)
        before = self.active()
        made = self.directory / f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        with storage_errors(made):
            try:
                self._write(made, files)
                self._point_to(made.name)
            except BaseException:  # Ctrl-C as well leaves no half of an identity
                if self.active() != made:  # an interrupt may come just after the swap
                    shutil.rmtree(made, ignore_errors=True)
                raise
        self._remove_all_but({made.name, _CURRENT, before.name if before else ""})
        return made

    def clear(self) -> None:
        """Remove the identity: the symlink first, so that nothing half removed is in use."""
        with storage_errors(self.directory, "remove"):
            self.current.unlink(missing_ok=True)
        self._remove_all_but(set())

    def _write(self, made: Path, files: Mapping[str, tuple[bytes, int]]) -> None:
        made.mkdir(mode=0o700)
        for name, (content, mode) in files.items():
            write_new(made / name, content, mode)
        sync_dir(made)
        sync_dir(self.directory)

    def _point_to(self, name: str) -> None:
        temporary = self.directory / f".{_CURRENT}.{secrets.token_hex(4)}"
        try:
            temporary.symlink_to(name)
            temporary.replace(self.current)
        except BaseException:  # Ctrl-C as well leaves no second link
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        # The swap has happened: a failing flush must not make install() remove what is in use.
        with suppress(OSError):
            sync_dir(self.directory)

    def _remove_all_but(self, kept: set[str]) -> None:
        if not self.directory.is_dir():
            return
        for entry in self.directory.iterdir():
            if entry.name in kept:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                with suppress(OSError):
                    entry.unlink(missing_ok=True)
