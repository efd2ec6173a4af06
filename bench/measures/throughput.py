"""pgbench -S through every peer, at several numbers of clients, simple and prepared."""

from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import get_args

from bench.lab import Lab
from bench.metering import metered, per_unit
from bench.peers import Peer
from bench.pgbench import Mode, select_only
from bench.samples import Metric


def measure_throughput(lab: Lab) -> None:
    cells = product(get_args(Mode), lab.plan.clients)
    takes = [partial(_take, mode=m, clients=c, seconds=lab.plan.seconds) for m, c in cells]
    with lab.start_all() as peers:
        lab.alternate(peers, takes)


def _take(peer: Peer, *, mode: Mode, clients: int, seconds: int) -> Iterator[tuple[Metric, float]]:
    work = partial(select_only, peer.address, clients=clients, seconds=seconds, mode=mode)
    result, spent = metered(peer, work)
    title = f"pgbench -S, {mode}, {clients} client{'s' if clients > 1 else ''}"
    yield Metric(f"pgbench.{mode}.{clients}", title, "tps", "more"), result.tps
    yield from per_unit(
        spent,
        result.transactions,
        key=f"pgbench-cpu.{mode}.{clients}",
        title=title,
        what="transaction",
    )
