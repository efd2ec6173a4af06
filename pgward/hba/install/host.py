"""One PostgreSQL host: its data directory, our state directory, and its server when it runs."""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from pgward.core.errors import PgwardError
from pgward.hba.install import reading
from pgward.hba.install.change import Change, journal_path, undo
from pgward.hba.install.generations import Generations
from pgward.hba.install.material import FILES, Material
from pgward.hba.plan.lint import Finding
from pgward.hba.plan.model import TlsFiles
from pgward.hba.server import reloading
from pgward.hba.server.datadir import DataDir, Running
from pgward.hba.server.disk import DiskError
from pgward.hba.server.sql import LocalSql

STATE_DIR = "pgward"
_RESTARTS = 3


@dataclass(frozen=True, slots=True)
class Checks:
    """What must hold after a change: ``files`` before the server reads them, ``live`` after.

    ``strict`` is whether the server must find nothing wrong in its files.
    """

    files: Callable[[], None]
    live: Callable[[Running], None]
    strict: bool = True


NO_CHECKS = Checks(lambda: None, lambda _: None)
ONLY_MATERIAL = Checks(lambda: None, lambda _: None, strict=False)
"""For what does not depend on the files: PostgreSQL reads its certificates when they are broken."""


@dataclass(frozen=True, slots=True)
class Host:
    """Where everything of one host is; ``superuser`` looks into the server's views, locally."""

    data_dir: DataDir
    state_dir: Path
    superuser: str | None = None

    @property
    def generations(self) -> Generations:
        """The material on disk."""
        return Generations(self.state_dir / "tls", self.data_dir.disk)

    @property
    def identity_dir(self) -> Path:
        """Where the host's machine identity lies."""
        return self.state_dir / "machine"

    @property
    def lock_path(self) -> Path:
        """The lock that one run at a time holds."""
        return self.state_dir / "lock"

    @property
    def tls_files(self) -> TlsFiles:
        """The paths for postgresql.conf, relative where they lie in the data directory."""
        base = self.generations.link
        if base.is_relative_to(self.data_dir.path):
            base = base.relative_to(self.data_dir.path)
        return TlsFiles(*(str(base / name) for name in FILES.values()))

    def sql(self, running: Running) -> LocalSql:
        """Return the way to the server's views."""
        return LocalSql(self.data_dir, running, self.superuser)

    def looking(self) -> AbstractContextManager[None]:
        """Let the configuration be the same however often it is read, until it is changed."""
        found = self.data_dir
        files = (found.config_file, found.ident_file, found.hba_file, found.auto_file)
        return found.disk.looking(files)

    def presents(self, material: Material) -> bool:
        """Tell whether a running server presents this certificate, as far as can be seen."""
        running = self.data_dir.running()
        return running is not None and reloading.presents(running, material.der) is True

    def in_use(self) -> bool:
        """Tell whether the configuration names our certificate; after ``remove`` it does not."""
        named = self.data_dir.path / self.data_dir.setting("ssl_cert_file")
        return named == self.data_dir.path / self.tls_files.certificate

    def recover(self) -> bool:
        """Undo what a run that was cut off left; tell whether there was anything."""
        data_dir = self.data_dir
        files = (data_dir.config_file, data_dir.ident_file, data_dir.hba_file)
        with data_dir.disk.together():
            for path in (journal_path(self.state_dir), *files):
                data_dir.disk.sweep(path)
        return self._undo()

    def carry_out(self, change: Change, material: Material | None, checks: Checks) -> bool | None:
        """Run the change's steps, have the server take it, check it; undo all of it if not.

        ``material`` is what the server shall present then, if its files name ours.

        Returns True when the server took it; None when there is no way to tell, or no server.
        """
        try:
            with self.data_dir.disk.together():
                for step in change.steps():
                    step.run()
            if checks.strict:
                self.data_dir.setting("ssl")  # raises in the server's words, when it is broken
            checks.files()
            took = self.load(material, checks)
            change.commit()
        except BaseException as error:  # SIGTERM and Ctrl-C as well put all back
            self._put_back(error)
            raise
        return took

    def load(self, material: Material | None, checks: Checks) -> bool | None:
        """Have a running server read its files, see that it did, and check it.

        One that is restarted meanwhile is asked anew.
        """
        running = self.data_dir.running()
        if running is None and checks.strict:
            self._check_files(None)
        for _ in range(_RESTARTS):
            if running is None:
                return None
            try:
                return self._load(running, material, checks)
            except PgwardError:
                before, running = running, self.data_dir.running()
                if running is None or running == before:
                    raise
        raise PgwardError("PostgreSQL is restarted again and again", hint="look at its log")

    def _load(self, running: Running, material: Material | None, checks: Checks) -> bool | None:
        sql = self.sql(running)
        if checks.strict:
            self._check_files(running)
        shown = material is not None and self.in_use()
        sign = _sign(running, material.der) if shown and material is not None else None
        took = reloading.reload(running, sql, None if sign is None or sign() else sign)
        if took is False or (sign is not None and not sign()):
            raise PgwardError(
                "PostgreSQL did not take the new configuration, so all was put back",
                hint="its log says why: look for 'not reloaded'",
            )
        checks.live(running)
        return took

    def file_errors(self, running: Running | None) -> list[Finding]:
        """Return what the server finds wrong in its files as they are; what it does not tell, we.

        Without SQL access it tells nothing, and before 15 nothing of pg_ident.conf.
        """
        data_dir = self.data_dir
        found = None if running is None else reloading.file_errors(self.sql(running), data_dir)
        if found is None:
            return reading.errors(data_dir)
        if reloading.tells_ident(data_dir):
            return found
        return [*found, *reading.errors(data_dir, ident_only=True)]

    def _check_files(self, running: Running | None) -> None:
        found = self.file_errors(running)
        if found:
            raise PgwardError("PostgreSQL would not take this: " + "\n".join(map(str, found)))

    def _put_back(self, failed: BaseException) -> None:
        """Undo, and where that fails as well, say so: the next run does it."""
        try:
            self._undo()
        except PgwardError as error:
            raise PgwardError(
                f"{failed}; and it could not all be put back: {error.message}",
                hint="the server goes on with what it has; mend this, then run pgward hba "
                "refresh, which puts it back first",
            ) from failed

    def _undo(self) -> bool:
        try:
            undone = undo(self.state_dir, self.generations, self.data_dir.disk)
        except DiskError:
            # It may have read some files before they were put back, and others after it.
            self._told(reloading.tell)
            raise
        if undone:
            self._told(lambda running: reloading.reload(running, self.sql(running), None))
        return undone

    def _told(self, tell: Callable[[Running], object]) -> None:
        running = self.data_dir.running()
        if running is not None:
            with contextlib.suppress(reloading.EndedError):  # its next start reads what is there
                tell(running)


def _sign(running: Running, certificate: bytes) -> Callable[[], bool] | None:
    """Return what tells that a server took a change: it presents this certificate."""
    return (
        None if running.host is None else lambda: reloading.presents(running, certificate) is True
    )
