"""Data as a file, for what reads files only: in memory where there is that, as on Linux."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def holding(data: bytes) -> Iterator[str]:
    """Give a path at which this process finds ``data``, a key as OpenSSL wants it, for so long.

    memfd_create(2); elsewhere a file that nobody else may read, and that is removed.
    """
    if not hasattr(os, "memfd_create"):
        with tempfile.NamedTemporaryFile(prefix="pgward-") as file:
            file.write(data)
            file.flush()
            yield file.name
        return
    descriptor = os.memfd_create("pgward", os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
