"""The log as a file of JSON lines: every entry with its bytes, and the newest head."""

import json
import os
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection

from pgward.ca.store import log, log_heads, log_reading

_BATCH = 500


def lines(connection: Connection) -> Iterator[dict[str, Any]]:
    """Yield one object an entry (``entry`` is base64, null for what was purged), then the head."""
    size = log.state(connection).size
    for start in range(0, size, _BATCH):
        for leaf in log_reading.leaves(connection, start, start + _BATCH):
            encoded = None if leaf.encoded is None else b64encode(leaf.encoded).decode("ascii")
            yield {
                "log_index": leaf.log_index,
                "type": leaf.type,
                "serial": leaf.serial,
                "leaf_hash": leaf.hash.hex(),
                "entry": encoded,
            }
    newest = log_heads.newest(connection)
    yield {"head": None if newest is None else newest.jws, "size": size}


def write(connection: Connection, file: Path) -> int:
    """Write them to a new file (0600); return how many entries. Raises OSError."""
    descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    count = -1
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        for count, line in enumerate(lines(connection)):  # noqa: B007 - the last line is the head
            out.write(json.dumps(line) + "\n")
        out.flush()
        os.fsync(descriptor)
    return count
