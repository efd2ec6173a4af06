"""Offering the CA once more what it refused, as somebody may have mended the cause.

Where a chunk stood in its chain the CA has a gap by now, so its records come in a chain of their
own. One process offers at a time: the auditor, or a person's command beside it.
"""

import secrets
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from typing import Final, NamedTuple

from pgward.audit.chain.chunk import ChunkError
from pgward.audit.chain.head import Head
from pgward.client.machine import Machine
from pgward.core.errors import ConflictError, FaultError, UnacceptableError
from pgward.tunnel.edge.auditor.rechain import rechained
from pgward.tunnel.edge.auditor.refused import Refused
from pgward.tunnel.edge.auditor.sending import CONFLICT, put_chunk, put_parcel
from pgward.tunnel.edge.auditor.shelf import DamagedChunkError, read_chunk

CA: Final = "ca"
RECORDINGS: Final = "recordings"
"""The targets that are the CA's, as the files of what they refused name them."""

_UNREADABLE: Final = (ValueError, KeyError, TypeError)  # lines that are no records
# What is this chunk's own fault, so that others are worth offering.
_ITS_OWN: Final = (UnacceptableError, FaultError, ChunkError, DamagedChunkError)


class Offered(NamedTuple):
    """A chunk that was offered; ``problem`` is why it stays refused, None when it was taken."""

    name: str
    problem: str | None


class Offering:
    """Offers chunks that were set aside, and forgets those that are taken."""

    def __init__(self, machine: Machine, refused: Refused) -> None:
        self._machine = machine
        self._refused = refused
        self._head = Head.origin(secrets.token_hex(8))

    def run(self, names: Collection[str] = (), *, wait: float = 0) -> Iterator[Offered]:
        """Offer all, or those with these names, and tell what becomes of each.

        Raises PgwardError when the CA cannot be asked now, or another process offers and goes on
        doing so for ``wait`` seconds.
        """
        with ExitStack() as held:
            if self._refused.names:
                held.enter_context(self._refused.lock(wait))
            for name in self._refused.names:
                if not names or name in names:
                    yield Offered(name, self._offer(name))

    def _offer(self, name: str) -> str | None:
        told = self._refused.told(name) or {CA: "unknown"}
        try:
            if CA in told:
                self._offer_chunk(name)
                told = self._refused.settle(name, CA)
            if RECORDINGS in told:
                put_parcel(self._machine, self._refused.parcel(name))
                told = self._refused.settle(name, RECORDINGS)
        except _ITS_OWN as error:
            return error.message
        except _UNREADABLE as error:
            return f"its lines cannot be read: {error}"
        return "; ".join(f"{target}: {why}" for target, why in told.items()) or None

    def _offer_chunk(self, name: str) -> None:
        entry, packed = rechained(*read_chunk(self._refused.path(name)), self._head)
        status, _ = put_chunk(self._machine, entry.manifest, packed, {})
        if status == CONFLICT:
            raise ConflictError("the CA has something else in a chain that is new")
        self._head = entry.manifest.end
