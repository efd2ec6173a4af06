"""Recordings in one piece: what the routes work with."""

from collections import OrderedDict
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Final

from pgward.ca.archive.objects import ObjectStore
from pgward.ca.identity.machines import Machine
from pgward.ca.keys.sealing import Sealer
from pgward.ca.recordings import intake, keys, reading
from pgward.ca.recordings.intake import Taken
from pgward.ca.recordings.playback import Playbacks
from pgward.ca.recordings.reading import WHOLE, Page, Stretch
from pgward.ca.store import Store
from pgward.core.clock import Clock

NOTED_SECONDS: Final = 600.0
_MOST_NOTED: Final = 10_000


@dataclass(slots=True)
class Recordings:
    """Takes parcels, gives pages, and remembers whose reading is on record already."""

    store: Store
    objects: ObjectStore
    sealer: Sealer
    clock: Clock
    threads: Executor | None = None
    playbacks: Playbacks = field(init=False)
    _noted: OrderedDict[tuple[str, ...], float] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self.playbacks = Playbacks(self.page)

    def recipient(self) -> str:
        """Return for whom edges encrypt; it may have to be made."""
        return keys.ensure(self.store, self.sealer, self.clock)

    def take(self, edge: Machine, digest: str, data: bytes) -> Taken:
        """Keep a parcel (see ``intake.take``)."""
        return intake.take(self.store, self.objects, self.clock, edge, digest=digest, data=data)

    def page(self, edge: str, session: str, after: int, stretch: Stretch = WHOLE) -> Page:
        """Return the next pieces of a recording (see ``reading.page``)."""
        return reading.page(
            self.store,
            self.objects,
            self.sealer,
            edge,
            session,
            after=after,
            stretch=stretch,
            threads=self.threads,
        )

    def is_news(self, *reading_of: str, now: float) -> bool:
        """Tell whether who reads what is to be put on record: once for all pages that follow.

        ``now`` is a time in seconds that never goes back.
        """
        last = self._noted.pop(reading_of, None)
        self._noted[reading_of] = now
        if len(self._noted) > _MOST_NOTED:
            self._noted.popitem(last=False)
        return last is None or now - last > NOTED_SECONDS
