"""Where a recording is exported to: a file that is there whole or not at all, or a stream.

And such a file, read again.
"""

import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pgward.audit.recording.pieces import PIECE
from pgward.client.recordings import Page
from pgward.core.errors import InvalidInputError
from pgward.system.files import is_stream, open_stream, storage_errors, sync_dir

STREAM = Path("-")
PAGE_BYTES = 4 * 1024 * 1024


def check(path: Path) -> None:
    """Raise InvalidInputError for what no file can be made of; ask before it costs anything."""
    folder = path.absolute().parent
    if path != STREAM and not folder.is_dir():
        raise InvalidInputError(f"there is no directory {folder}")


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """Yield what to write to; raise StorageError.

    ``-`` is standard output, and so is /dev/stdout. What is there and is no file, a pipe or a
    device, is written to as it is.
    """
    if path == STREAM:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    elif is_stream(path):
        with storage_errors(path), open_stream(path) as stream:
            yield stream
    else:
        with _whole(path) as file:
            yield file


def session_in(path: Path) -> str:
    """Return the session whose recording a file holds; raise InvalidInputError, StorageError."""
    with storage_errors(path, "read"), path.open("rb") as file:
        first = file.readline(PAGE_BYTES)
    try:
        fields = json.loads(first)
        if fields["type"] == PIECE:
            return str(fields["session"])
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise InvalidInputError(
        f"{path} is no recording", hint="pgward sessions export ID FILE writes one"
    )


def pages(path: Path) -> Iterator[Page]:
    """Yield what is in a file, some whole pieces at a time; raise StorageError."""
    lines, size = list[bytes](), 0
    with storage_errors(path, "read"), path.open("rb") as file:
        for each in file:
            if size >= PAGE_BYTES and each.startswith(_BEGINS):
                yield Page(lines, ended=False)
                lines, size = [], 0
            lines.append(each.rstrip(b"\n"))
            size += len(each)
    yield Page(lines, ended=True)


_BEGINS = b'{"type":"PIECE"'


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        with storage_errors(path), os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with storage_errors(path):
            temporary.replace(path)
            sync_dir(path.parent)
    except BaseException:  # Ctrl-C as well leaves no temporary file
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
