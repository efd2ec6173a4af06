"""Tells the CA that tokens are used, so that their owners see when, and from where."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable

from pgward.client import edge_calls
from pgward.client.edge_calls import Caller, TokenFacts
from pgward.core.errors import PgwardError
from pgward.tunnel.edge import asking

log = logging.getLogger("pgward.edge")

EVERY_SECONDS = 60.0
"""How exactly the CA keeps it."""
_MOST = 10_000


class Uses:
    """Tells in the background: nobody waits for it, and it is no matter if it fails.

    For one event loop; ``monotonic`` returns seconds.
    """

    def __init__(self, ca: Caller, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._ca = ca
        self._monotonic = monotonic
        self._told: OrderedDict[str, float] = OrderedDict()
        self._telling: set[asyncio.Task[None]] = set()

    def tell(self, token: TokenFacts, client: str) -> None:
        """Tell of a token whose secret was proved, unless that was told a moment ago."""
        now = self._monotonic()
        told = self._told.get(token.id)
        if token.seen_lately or (told is not None and now - told < EVERY_SECONDS):
            return
        self._told[token.id] = now
        self._told.move_to_end(token.id)
        while len(self._told) > _MOST:
            self._told.popitem(last=False)
        task = asyncio.get_running_loop().create_task(self._tell(token.id, client))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell(self, name: str, client: str) -> None:
        try:
            await asking.for_person(edge_calls.token_used, self._ca, name, client=client)
        except PgwardError as error:
            log.info("the CA did not hear that %s is used: %s", name, error.message)
