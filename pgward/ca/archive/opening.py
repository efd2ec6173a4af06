"""Where the archive's objects are: a directory, or ``s3://…``."""

from pathlib import Path

from pgward.ca.archive.directory import DirectoryObjects
from pgward.ca.archive.objects import ObjectStore
from pgward.ca.archive.s3 import S3Objects
from pgward.core.errors import InvalidInputError

DEFAULT = "archive"


def open_objects(where: str, base: Path) -> ObjectStore:
    """Return the objects at ``where``: an ``s3://`` address or a path, by default below ``base``.

    Raises InvalidInputError for an address of another kind, StorageError for a directory that
    cannot be ours.
    """
    if where.startswith("s3://"):
        return S3Objects.open(where)
    if "://" in where:
        raise InvalidInputError(
            f"{where!r} is no place for an archive", hint="use a directory, or s3://bucket/prefix"
        )
    return DirectoryObjects(base / (where or DEFAULT))
