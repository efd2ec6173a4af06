"""COPY out and in, through real psql."""

from collections.abc import Callable, Iterator
from functools import partial

from bench.copying import copy_in, copy_out
from bench.database import Database
from bench.lab import Lab
from bench.metering import metered, per_unit
from bench.peers import Peer
from bench.samples import Metric
from pgward.core.address import Address

_Copy = Callable[[Database, Address], float]


def measure_copies(lab: Lab) -> None:
    ways: dict[str, _Copy] = {"out": copy_out, "in": copy_in}
    takes = [partial(_take, way=way, copy=copy, lab=lab) for way, copy in ways.items()]
    with lab.start_all() as peers:
        lab.alternate(peers, takes)


def _take(peer: Peer, *, way: str, copy: _Copy, lab: Lab) -> Iterator[tuple[Metric, float]]:
    rate, spent = metered(peer, partial(copy, lab.database, peer.address))
    title = rf"psql \copy {way}"
    yield Metric(f"copy.{way}", title, "MB/s", "more"), rate
    megabytes = lab.database.copy_file.stat().st_size / 1e6
    yield from per_unit(spent, megabytes, key=f"copy-cpu.{way}", title=title, what="MB")
