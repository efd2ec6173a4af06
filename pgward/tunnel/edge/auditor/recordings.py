"""The CA as a target of recordings: it takes the parcels that were made with chunks."""

import logging
from hashlib import sha256
from typing import Final

from pgward.client.machine import Machine
from pgward.core.errors import ConflictError
from pgward.tunnel.edge.auditor.shelf import Entry, Shelf

log = logging.getLogger("pgward.auditor")

NAME: Final = "recordings"
PATH: Final = "/v1/edges/self/recordings"
_CONFLICT = 409


class RecordingsTarget:
    """Delivers the pieces that stand beside a chunk; what the CA has already stays as it is."""

    name = NAME

    def __init__(self, machine: Machine, shelf: Shelf) -> None:
        self._machine = machine
        self._shelf = shelf

    def deliver(self, entry: Entry, data: bytes) -> int:
        """Deliver the parcel with the chunk's number, if there is one; raise PgwardError."""
        del data
        parcel = self._shelf.parcel(entry.number)
        if parcel:
            self._put(parcel)
        return entry.number

    def close(self) -> None:
        """Close the connection."""
        self._machine.close()

    def _put(self, parcel: bytes) -> None:
        self._machine.reload()
        path = f"{PATH}/{sha256(parcel).hexdigest()}"
        headers = {"Content-Type": "application/octet-stream"}
        status, answer = self._machine.put_content(path, parcel, headers)
        if status == _CONFLICT:
            raise ConflictError("the CA does not take a parcel of recordings")
        for each in answer.get("refused", ()):
            # Asked again it would say the same, and what comes behind would never arrive.
            log.error(
                "the CA has another piece %s of the recording of session %s than this edge",
                each.get("piece"), each.get("session"),
            )  # fmt: skip
