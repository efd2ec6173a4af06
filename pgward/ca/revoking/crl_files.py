"""The newest CRLs as files: for a static web server, or for PostgreSQL on the same machine.

``DIR/<ca>.crl`` (DER) and ``DIR/<ca>.pem`` for each CA, and ``DIR/user.pem`` and
``DIR/server.pem`` with all lists of a hierarchy, as ``ssl_crl_file`` wants them. Each file is
replaced whole.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from pgward.ca.revoking.served_crls import ServedCrl
from pgward.core.errors import PgwardError
from pgward.system import files

_MODE = 0o644
_EVERY_SECONDS = 30.0
_log = logging.getLogger(__name__)


class Source(Protocol):
    """What gives the newest CRLs."""

    def every(self) -> list[ServedCrl]:
        """Return the newest CRL of each CA. Blocks on the store."""
        ...


class Changes(Protocol):
    """What tells that the store changed."""

    async def wait(self, after: int, seconds: float) -> int:
        """Return the store's version as soon as it is above ``after``, or after some time."""
        ...


class CrlFiles:
    """Writes what is not there yet."""

    def __init__(self, directory: Path, source: Source) -> None:
        self._directory = directory
        self._source = source
        self._numbers: dict[str, int] = {}

    def write(self) -> bool:
        """Write the lists that are newer than what was written; tell whether there were any.

        Raises StorageError, and UnavailableError when the store is away.
        """
        every = self._source.every()
        numbers = {each.crl.name: each.crl.number for each in every}
        if numbers == self._numbers:
            return False
        with files.storage_errors(self._directory, "create"):
            self._directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        for name, content in _contents(every).items():
            path = self._directory / name
            if _present(path) != content:
                files.atomic_write(path, content, mode=_MODE)
        self._numbers = numbers
        return True

    async def follow(self, changes: Changes) -> None:
        """Write whenever the store changes, until cancelled; a failure is told and tried again."""
        version, failed = 0, ""
        while True:
            try:
                await asyncio.to_thread(self.write)
                failed = ""
            except PgwardError as error:
                if error.message != failed:  # tell each trouble once
                    _log.error("the CRL files are not current: %s", error.message)
                failed = error.message
            now = await changes.wait(version, _EVERY_SECONDS)
            if now <= version:  # the time is over, or nobody tells any more
                await asyncio.sleep(1)
            version = now


def _contents(every: Iterable[ServedCrl]) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    for each in every:
        name = each.crl.name
        together = f"{name.partition('-')[0]}.pem"
        found |= {
            f"{name}.crl": each.crl.der,
            f"{name}.pem": each.pem,
            together: found.get(together, b"") + each.pem,
        }
    return found


def _present(path: Path) -> bytes | None:
    try:
        return files.read_regular(path, 1 << 28)
    except OSError:
        return None
