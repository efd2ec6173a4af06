"""The CA as a target of recordings: it takes the parcels that were made with chunks."""

import logging
from typing import Final

from pgward.client.machine import Machine
from pgward.tunnel.edge.auditor import offering
from pgward.tunnel.edge.auditor.sending import put_parcel
from pgward.tunnel.edge.auditor.shelf import Entry, Shelf

log = logging.getLogger("pgward.auditor")

NAME: Final = offering.RECORDINGS


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

    def works_behind(self, number: int) -> bool:
        """Tell whether the CA takes the next parcel, if there is one; raise as ``deliver`` does."""
        for behind in self._shelf.numbers:
            if behind > number and (parcel := self._shelf.parcel(behind)):
                self._put(parcel)
                break
        return True

    def close(self) -> None:
        """Close the connection."""
        self._machine.close()

    def _put(self, parcel: bytes) -> None:
        self._machine.reload()
        for each in put_parcel(self._machine, parcel).get("refused", ()):
            # Asked again it would say the same, and what comes behind would never arrive.
            log.error(
                "the CA has another piece %s of the recording of session %s than this edge",
                each.get("piece"), each.get("session"),
            )  # fmt: skip
