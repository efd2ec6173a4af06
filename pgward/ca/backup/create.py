"""``pgward ca backup``: everything of a CA but its passphrase, in one encrypted file.

The store is read in one transaction while the CA serves, so the rows are those of one moment.
The file gets its name when it is complete, on the disk, and was read back.
"""

import fcntl
import io
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import BinaryIO

from pgward import __version__
from pgward.ca.backup.archive import Header, Manifest, Sink, Writer, read
from pgward.ca.ceremony.init import PASSWORD_FILE
from pgward.ca.ceremony.init_keys import PASSPHRASE_FILE
from pgward.ca.log import continuity
from pgward.ca.settings import STORE_FILE, Settings
from pgward.ca.store import Store, marks, open_store, revisions, rows
from pgward.ca.store.copying import copied_tables
from pgward.ca.store.engine import parse_url
from pgward.ca.store.inspecting import open_read_only
from pgward.ca.store.opening import unwritable
from pgward.ca.store.postgresql import be_patient
from pgward.core.clock import Clock, rfc3339
from pgward.core.errors import ConflictError
from pgward.pki import age
from pgward.system import files
from pgward.system.files import StorageError

_BUFFER = 1024 * 1024
_TEMPORARY = re.compile(r"\..+\.backup-[0-9a-f]{12}", re.DOTALL)
_HINT = "check the owner and the free space of that place; no backup was written"


@dataclass(frozen=True, slots=True)
class Summary:
    """What a backup holds."""

    header: Header
    manifest: Manifest


def write(directory: Path, target: Path, passphrase: bytes, clock: Clock) -> Summary:
    """Make a backup of the CA in ``directory``; it must not exist yet.

    Raises ConflictError, StorageError, UnavailableError; there is then no file.
    """
    settings = Settings.load(directory)
    with _new_file(target) as file:
        made = _write(settings, directory, file, passphrase, clock)
        file.seek(0)
        if verify(file, passphrase) != made:
            raise StorageError(f"{target} does not read back as it was written", hint=_HINT)
    return made


def verify(file: BinaryIO, passphrase: bytes) -> Summary:
    """Read a whole backup and check everything in it; raise AgeError, BackupError."""
    headers: list[Header] = []
    sink = Sink(headers.append, lambda *_: None, lambda *_: None)
    manifest = read(opened(file, passphrase), sink)
    return Summary(headers[0], manifest)


def opened(file: BinaryIO, passphrase: bytes) -> BinaryIO:
    """Return what is inside the encryption, to be read once."""
    return io.BufferedReader(_Decrypted(file, passphrase), _BUFFER)


class _Decrypted(io.RawIOBase):
    """A readable stream over the chunks of an age file."""

    def __init__(self, file: BinaryIO, passphrase: bytes) -> None:
        self._chunks = age.decrypt(file, passphrase)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # any writable buffer
        if not self._rest:
            self._rest = next(self._chunks, b"")
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def _write(
    settings: Settings, directory: Path, file: BinaryIO, passphrase: bytes, clock: Clock
) -> Summary:
    store = _open(settings.store_url(directory))
    try:
        with store.read() as connection, age.Encryptor(file, passphrase) as encrypted:
            be_patient(connection)
            marks.refuse(connection)
            # The first look fixes the moment. The files come after it: keys before their rows.
            schema = str(revisions.revision(connection))
            now = rfc3339(clock.now())
            header = Header(__version__, now, settings.ca.name, schema)
            writer = Writer(encrypted, header)
            for name, data in _files(settings, directory):
                writer.file(name, data)
            for table in copied_tables(connection):
                batches = rows.batches(connection, table)
                writer.table(table.name, ((rows.line(table, row) for row in b) for b in batches))
            writer.finish()
    finally:
        store.close()
    return Summary(header, writer.manifest)


def _open(url: str) -> Store:
    """Open the store, also where it cannot be written any more: that is when one wants a backup."""
    if unwritable(parse_url(url)) is None:
        return open_store(url, upgrade=False)
    return open_read_only(url)


def _files(settings: Settings, directory: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files of the directory: not the store's, nor what opens the keys."""
    secret = {(directory / source).resolve() for source in _secret_files(settings)}
    for path in sorted(_every(directory)):
        name = path.relative_to(directory).as_posix()
        if path.name.endswith(".tmp") or path.resolve() in secret:
            continue
        if name.startswith((STORE_FILE, continuity.FILE)):  # of this store, not of its copy
            continue
        if path.is_file():
            yield name, _read(path)


def _every(directory: Path) -> Iterator[Path]:
    """Yield all files; a directory that cannot be read is no empty one."""

    def refuse(error: OSError) -> None:
        raise _unreadable(Path(error.filename), error) from error

    for place, _, names in os.walk(directory, onerror=refuse):
        yield from (Path(place, name) for name in names)


def _read(path: Path) -> bytes:
    try:
        return files.read_regular(path)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> StorageError:
    reason = (error.strerror or str(error)).lower()
    return StorageError(
        f"cannot read {path}: {reason}", hint="check its owner and mode; no backup was written"
    )


def _secret_files(settings: Settings) -> list[str]:
    """Return passphrase, PIN and first password: whatever ``[keys]`` names as a file."""
    named = [
        str(getattr(settings.keys, each.name))
        for each in fields(settings.keys)
        if each.name.endswith("_file")
    ]
    return [PASSPHRASE_FILE, PASSWORD_FILE, *filter(None, named)]


@contextmanager
def _new_file(target: Path) -> Iterator[BinaryIO]:
    """Yield a file that gets its name at the end, if all went well; it is locked until then."""
    try:
        _remove_abandoned(target.parent)
        if os.path.lexists(target):
            raise _exists(target)
        temporary = target.with_name(f".{target.name}.backup-{secrets.token_hex(6)}")
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w+b", _BUFFER) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield file
                file.flush()
                os.fsync(file.fileno())
                os.link(temporary, target)  # unlike a rename, it replaces nothing
        finally:
            temporary.unlink(missing_ok=True)
        files.sync_dir(target.parent)
    except FileExistsError:
        raise _exists(target) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(f"cannot write {target}: {reason}", hint=_HINT) from error


def _exists(target: Path) -> ConflictError:
    return ConflictError(f"{target} is there already", hint="choose another name, with the date")


def _remove_abandoned(parent: Path) -> None:
    """Remove what killed runs left, whatever date their names had: ours, and no longer locked."""
    for path in parent.iterdir():
        if _TEMPORARY.fullmatch(path.name):
            with suppress(OSError), files.abandoned(path):
                path.unlink()
