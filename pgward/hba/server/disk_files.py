"""Configuration files and what they include, from a disk: for ``syntax.files``."""

import os
from pathlib import Path

from pgward.hba.server.disk import Disk, DiskError, acting_as
from pgward.hba.syntax.files import FileProblemError


class DiskFiles:
    """Reads as the server's account, and never as more."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def read(self, path: str) -> bytes:
        """Return a file's bytes; raise FileProblemError."""
        try:
            data = self._disk.read(Path(path))
        except DiskError as error:
            with acting_as(self._disk.account):
                directory = Path(path).is_dir()
            raise FileProblemError(error.message, missing=False, directory=directory) from error
        if data is None:
            raise FileProblemError(f"there is no {path}", missing=True)
        return data

    def names(self, directory: str) -> list[str]:
        """Return the names in a directory that are no directories; raise FileProblemError."""
        try:
            with acting_as(self._disk.account), os.scandir(directory) as entries:
                return [entry.name for entry in entries if not entry.is_dir()]
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            said = (error.strerror or str(error)).lower()
            raise FileProblemError(f"{directory}: {said}", missing=missing) from error
