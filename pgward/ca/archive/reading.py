"""Reading chunks back from the objects, some ahead of who looks at them."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future
from hashlib import sha256
from typing import Any, Final

from pgward.audit.chain import chunk as chunks
from pgward.audit.chain import manifest as manifests
from pgward.ca.archive import packing
from pgward.ca.archive.index import Chunk
from pgward.ca.archive.objects import ObjectStore
from pgward.ca.archive.packing import DamagedObjectError
from pgward.core.errors import PgwardError, UnavailableError

AHEAD: Final = 4
_SAME: Final = ("edge", "chain", "first_seq", "last_seq", "start_hash", "end_hash", "sha256")

Lines = Callable[[], list[bytes]]


def data_of(objects: ObjectStore, row: Chunk) -> bytes:
    """Return a chunk as its edge sent it.

    Raises NotFoundError, DamagedObjectError (it was changed since), UnavailableError.
    """
    text, data = packing.unpack(objects.get(row["object_key"]))
    if sha256(data).hexdigest() != row["sha256"] or not _tells_of(text, row):
        raise DamagedObjectError("an object of the archive was changed")
    return data


def _tells_of(text: str, row: Chunk) -> bool:
    """Tell whether an object's own manifest is whole, and that of this chunk.

    It need not be that of the index to the letter: a chunk that came twice was signed twice.
    """
    try:
        about = manifests.read(text).manifest
    except manifests.ManifestError:
        return False
    return all(getattr(about, name) == row[name] for name in _SAME)


def lines_of(objects: ObjectStore, row: Chunk) -> list[bytes]:
    """Return a chunk's lines; raise as ``data_of`` does."""
    return chunks.unpack(data_of(objects, row))


def ahead(
    objects: ObjectStore, rows: Iterable[Chunk], threads: Executor
) -> Generator[tuple[Chunk, Lines], None, None]:
    """Yield chunks with what gives their lines, while the next are on their way."""
    coming: deque[tuple[Chunk, Future[bytes]]] = deque()
    try:
        for row in rows:
            coming.append((row, threads.submit(data_of, objects, row)))
            if len(coming) >= AHEAD:
                yield _next(coming)
        while coming:
            yield _next(coming)
    finally:
        for _, future in coming:
            future.cancel()


def lost(row: Chunk, error: PgwardError) -> dict[str, Any]:
    """Tell of a chunk that cannot be read; UnavailableError passes, as that is no chunk's fault."""
    if isinstance(error, UnavailableError):
        raise error
    told = {name: row[name] for name in ("edge", "chain", "first_seq", "last_seq")}
    return told | {"why": error.message}


def _next(coming: deque[tuple[Chunk, Future[bytes]]]) -> tuple[Chunk, Lines]:
    row, future = coming.popleft()
    return row, lambda: chunks.unpack(future.result())
