"""Numbers that the workers of an edge share: each writes its own, and whoever is asked adds up.

They lie in memory that is made before the workers are forked, so that a worker that dies takes
nothing along. A number has 64 bits and one writer, so it needs no lock.
"""

import mmap
from collections.abc import Iterator
from typing import Final, NamedTuple

from pgward.system.exposition import Kind
from pgward.tunnel.edge.carrying import CUTS
from pgward.tunnel.preface import Reason

_SIZE: Final = 8


class Metric(NamedTuple):
    """One metric; of its ``label`` all values are known before, and it is counted in parts."""

    name: str
    kind: Kind
    text: str
    label: str = ""
    values: tuple[str, ...] = ("",)
    parts: int = 1


MODES: Final = ("tcp", "postgres")
REASONS: Final = tuple(each.name.lower() for each in Reason)

LINKS = Metric("links", "gauge", "Connections of clients that have proved who they are.")
WAITING = Metric("handshakes_waiting", "gauge", "Connections whose client has still to do so.")
HANDSHAKES = Metric(
    "handshakes_total",
    "counter",
    "Connections by what became of them at the door: let in, refused, too slow, or gone.",
    "outcome",
    ("in", "refused", "slow", "gone"),
)
SESSIONS = Metric("sessions", "gauge", "Database sessions that run.", "mode", MODES)
OPENED = Metric("sessions_total", "counter", "Database sessions that began.", "mode", MODES)
SLOWED = Metric("sessions_slowed", "gauge", "Sessions that say more than can be put on record.")
REFUSED = Metric(
    "refusals_total", "counter", "Clients and sessions that were refused.", "reason", REASONS
)
CUT = Metric("cuts_total", "counter", "Sessions that the edge ended.", "reason", CUTS)
DENIED = Metric(
    "statements_denied_total",
    "counter",
    "Statements that were denied: by a policy, or as they would change the role.",
    "by",
    ("policy", "role"),
)
RECEIVED = Metric("received_bytes_total", "counter", "From clients, as TCP counts, TLS included.")
SENT = Metric("sent_bytes_total", "counter", "To clients, likewise.")
CPU = Metric("cpu_seconds_total", "counter", "Processor time of the workers.", parts=1000)

METRICS: Final = (
    *(
        LINKS,
        WAITING,
        HANDSHAKES,
        SESSIONS,
        OPENED,
        SLOWED,
        REFUSED,
        CUT,
        DENIED,
        RECEIVED,
        SENT,
        CPU,
    ),
)


def _places() -> Iterator[tuple[tuple[str, str], int]]:
    keys = ((each.name, value) for each in METRICS for value in each.values)
    for place, key in enumerate(keys):
        yield key, place


_PLACES: Final = dict(_places())


class Board:
    """All panes of an edge; make it before the workers."""

    def __init__(self, workers: int = 1) -> None:
        self._numbers = memoryview(mmap.mmap(-1, _SIZE * len(_PLACES) * workers)).cast("q")
        self._workers = workers

    def pane(self, worker: int) -> "Pane":
        """Return the pane of a worker that begins: what runs is nothing yet, what ran counts on."""
        size = len(_PLACES)
        pane = Pane(self._numbers[worker * size : (worker + 1) * size])
        for metric in METRICS:
            if metric.kind == "gauge":
                for value in metric.values:
                    pane.set(metric, value, 0)
        return pane

    def total(self, metric: Metric, value: str = "") -> int:
        """Return a number of all workers together."""
        place = _PLACES[metric.name, value]
        return sum(self._numbers[place :: len(_PLACES)])


class Pane:
    """One worker's numbers."""

    def __init__(self, numbers: memoryview) -> None:
        self._numbers = numbers

    def add(self, metric: Metric, value: str = "", by: int = 1) -> None:
        """Count."""
        self._numbers[_PLACES[metric.name, value]] += by

    def set(self, metric: Metric, value: str, to: int) -> None:
        """Say how many there are."""
        self._numbers[_PLACES[metric.name, value]] = to
