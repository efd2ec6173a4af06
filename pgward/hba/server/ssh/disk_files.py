"""Configuration files and what they include, on the other machine: for ``syntax.files``."""

from pathlib import Path

from pgward.hba.server.disk import DiskError
from pgward.hba.server.ssh import scripts
from pgward.hba.server.ssh.disk import SshDisk
from pgward.hba.server.ssh.running import Runner
from pgward.hba.syntax.files import FileProblemError

_DIRECTORY = "is a directory"


class SshFiles:
    """What ``disk_files.DiskFiles`` is, there."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def read(self, path: str) -> bytes:
        """Return a file's bytes; raise FileProblemError."""
        try:
            data = SshDisk(self._runner).read(Path(path))
        except DiskError as error:
            directory = error.message.endswith(_DIRECTORY)
            raise FileProblemError(error.message, missing=False, directory=directory) from error
        if data is None:
            raise FileProblemError(f"there is no {path}", missing=True)
        return data

    def names(self, directory: str) -> list[str]:
        """Return the names in a directory that are no directories; raise FileProblemError."""
        done = self._runner.ask(scripts.FILES, directory)
        if done.status:
            missing = done.status == scripts.MISSING
            said = "no such file or directory" if missing else done.said
            raise FileProblemError(f"{directory}: {said}", missing=missing)
        names = done.stdout.split(b"\0")
        return [name.decode("utf-8", "surrogateescape") for name in names if name]
