"""Carry out the fixes of findings on a server's files, and change nothing else in them.

Each file is written whole, as the account that owns it and with a backup beside it, of which the
last few are kept; what it says is looked at before and after. Whenever a run is killed, each file
is the old one or the new one. The server is never reloaded here.
"""

import contextlib
import difflib
import fcntl
import os
import re
import stat
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pgward.core.errors import PgwardError
from pgward.hba.check import fixing
from pgward.hba.check.finding import Finding
from pgward.hba.check.fix import Edit, Mode
from pgward.hba.server.disk import Disk, DiskError, acting_as, owner_of
from pgward.hba.server.files import ServerFiles
from pgward.hba.syntax import settings, tokens
from pgward.hba.syntax.options import without_secrets
from pgward.system import files as system_files
from pgward.system.postgres import Account
from pgward.system.safe_text import clean

_BACKUP_MARK = ".mended-"  # not as those of apply, which removes what it does not know
_BACKUPS_KEPT = 5  # of each file, as apply keeps
_NEW, _TEMPORARY = ".new", ".tmp"


class MendingError(PgwardError):
    """A fix was not carried out, since something is not as it was read."""


@dataclass(frozen=True, slots=True)
class Mended:
    """A file's bytes before and after."""

    path: str
    before: bytes
    after: bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """What is changed: files, and modes of files."""

    files: tuple[Mended, ...]
    modes: tuple[Mode, ...]

    def __bool__(self) -> bool:
        return bool(self.files or self.modes)


def planned(read: ServerFiles, findings: Iterable[Finding]) -> Plan:
    """Return what the fixes of some findings come to.

    A file that is read by two names is left alone: what mends it by one may break it by the other.
    Raises MendingError where more would change than is meant.
    """
    edits: dict[str, list[Edit]] = defaultdict(list)
    modes: dict[str, Mode] = {}
    for each in findings:
        if isinstance(each.fix, Mode):
            modes[each.fix.path] = each.fix
        elif each.fix is not None:
            edits[each.fix.path].append(each.fix)
    twice = _twice(read)
    mended = [_mended(read, path, of_file) for path, of_file in edits.items() if path not in twice]
    return Plan(tuple(mended), tuple(modes.values()))


def diff(plan: Plan) -> str:
    """Return it as a unified diff, with modes as comments above, and without passwords."""
    lines = [f"# chmod {each.mode:04o} {each.path}\n" for each in plan.modes]
    for each in plan.files:
        lines += difflib.unified_diff(
            _lines(each.before), _lines(each.after), each.path, each.path, n=2
        )
    return "".join(
        without_secrets(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
        for line in lines
    )


def carry_out(plan: Plan, account: Account, now: datetime) -> Iterator[str]:
    """Change modes and files, and say of each what was done.

    Raises DiskError and MendingError; what was said until then is done, and each counts by itself.
    """
    for mode in plan.modes:
        _change_mode(mode, account)
        yield f"changed the mode of {mode.path} to {mode.mode:04o}"
    for each in plan.files:
        backup = _write(each, Disk(_owner(each.path, account)), now)
        yield f"mended {each.path}; as it was it is {backup}"


def _mended(read: ServerFiles, path: str, edits: list[Edit]) -> Mended:
    before = read.texts[path]
    conf = path == read.config or path in {each.place.path for each in read.settings or ()}
    continuation = read.able.continuation
    try:
        after = fixing.carried_out(before, edits)
        meant = _meant(before, edits, continuation=continuation, conf=conf)
    except fixing.StaleFixError as error:
        raise MendingError(str(error), hint="run it again") from error
    if meant != _said(after, continuation=continuation, conf=conf):
        raise MendingError(
            f"the fixes of {path} would change other lines, too; nothing was changed",
            hint="--diff --only ID shows the fixes of one rule; mend it by hand",
        )
    return Mended(path, before, after)


def _meant(before: bytes, edits: list[Edit], *, continuation: bool, conf: bool) -> list[object]:
    """Return what each line should say: what it did, but for those that an edit touches."""
    found: list[object] = []
    at = 0
    rows: list[tuple[bytes, object]] = (
        [(line.raw, line.setting) for line in settings.parse(before)]
        if conf
        else [(line.raw, line.fields) for line in tokens.parse(before, continuation=continuation)]
    )
    left_over = deque(sorted(edits, key=lambda each: each.start))
    for raw, says in rows:
        here = []
        while left_over and left_over[0].start < at + len(raw):
            here.append(left_over.popleft())
        if not here:
            found.append(says)
        elif left := fixing.carried_out(raw, [_moved(each, at) for each in here]):
            found += _said(left, continuation=continuation, conf=conf)
        at += len(raw)
    behind = [_moved(each, at) for each in left_over]
    return found + _said(
        fixing.carried_out(b"", behind).lstrip(), continuation=continuation, conf=conf
    )


def _said(data: bytes, *, continuation: bool, conf: bool) -> list[object]:
    if conf:
        return [line.setting for line in settings.parse(data)]
    return [line.fields for line in tokens.parse(data, continuation=continuation)]


def _moved(edit: Edit, by: int) -> Edit:
    return Edit(edit.path, edit.start - by, edit.end - by, edit.text, edit.begins, edit.ends)


def _write(mended: Mended, disk: Disk, now: datetime) -> Path:
    """Put the new bytes in place, and return where the old ones are."""
    path = Path(mended.path)
    with _alone(path, disk.account):
        if disk.read(path) != mended.before:
            raise MendingError(
                f"{path} was changed while it was looked at; nothing was changed in it",
                hint="run it again",
            )
        real = disk.resolve(path)
        _sweep(real, disk)
        backup = real.with_name(f"{real.name}{_BACKUP_MARK}{now:%Y%m%dT%H%M%S%fZ}")
        new = backup.with_name(backup.name + _NEW)
        disk.replace(backup, mended.before, like=real)
        disk.replace(new, mended.after, like=real)
        disk.move(new, real)
        if disk.read(path) != mended.after:
            disk.restore(path, backup)
            raise MendingError(f"{path} does not have what was written; the old one is back")
        for old in _backups(real, disk)[:-_BACKUPS_KEPT]:
            disk.remove(old)
    return backup


def _sweep(real: Path, disk: Disk) -> None:
    """Remove what runs that were killed left beside a file; its lock is held."""
    begun, hidden = f"{real.name}{_BACKUP_MARK}", f".{real.name}{_BACKUP_MARK}"
    for name in disk.names(real.parent):
        unused = name.startswith(begun) and name.endswith(_NEW)
        if unused or (name.startswith(hidden) and name.endswith(_TEMPORARY)):
            disk.remove(real.with_name(name))


def _backups(real: Path, disk: Disk) -> list[Path]:
    """Return the backups of a file, the oldest first."""
    stamped = re.compile(re.escape(f"{real.name}{_BACKUP_MARK}") + r"[0-9]{8}T[0-9]{12}Z")
    return [real.with_name(name) for name in disk.names(real.parent) if stamped.fullmatch(name)]


@contextlib.contextmanager
def _alone(path: Path, account: Account) -> Iterator[None]:
    """Hold the directory's lock, so that two runs do not mend the same file."""
    try:
        with acting_as(account):
            descriptor = os.open(path.resolve().parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        said = (error.strerror or str(error)).lower()
        raise DiskError(f"cannot open the directory of {path}: {said}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise MendingError(
            f"another process holds the directory of {path}", hint="run it again when that is done"
        ) from None
    finally:
        os.close(descriptor)


def _owner(path: str, account: Account) -> Account:
    """Return as whom a file is written: who owns it; raise MendingError where that may not be."""
    owner = owner_of(Path(path))
    if owner.uid == account.uid:
        return account
    if os.geteuid() == 0 and account.uid == 0:
        return owner
    raise MendingError(
        f"{path} belongs to another account (uid {owner.uid}), and would belong to this one",
        hint="--diff shows what to change; run this as that account, or mend it by hand",
    )


def _change_mode(mode: Mode, account: Account) -> None:
    try:
        with acting_as(account):
            descriptor = system_files.open_regular(Path(mode.path), os.O_RDONLY)
            try:
                # Never more than it was, whatever happened meanwhile.
                now = stat.S_IMODE(os.fstat(descriptor).st_mode)
                os.fchmod(descriptor, now & mode.mode)
            finally:
                os.close(descriptor)
    except OSError as error:
        said = (error.strerror or str(error)).lower()
        raise DiskError(f"cannot change the mode of {mode.path}: {said}") from error


def _twice(read: ServerFiles) -> set[str]:
    """Return the paths that lead to the same file as another one."""
    if len(read.texts) < 2 or read.account is None:  # noqa: PLR2004 - another one
        return set()
    by_file: dict[Path, list[str]] = defaultdict(list)
    disk = read.access.disk(read.account)
    for path in read.texts:
        by_file[disk.resolve(Path(path))].append(path)
    return {path for same in by_file.values() if len(same) > 1 for path in same}


def _lines(data: bytes) -> list[str]:
    """Return the lines as they are shown: no terminal does what is in them."""
    shown = [_cleaned(line) for line in data.decode("utf-8", "backslashreplace").split("\n")]
    return [line + "\n" for line in shown[:-1]] + [line for line in shown[-1:] if line]


def _cleaned(line: str) -> str:
    bare = line.removesuffix("\r")
    return "\t".join(map(clean, bare.split("\t"))) + line[len(bare) :]
