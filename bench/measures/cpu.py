"""CPU time per transaction at each hop, at 8 clients."""

from collections.abc import Iterator
from functools import partial

from bench.lab import Lab
from bench.metering import metered, per_unit
from bench.peers import Peer
from bench.pgbench import select_only
from bench.samples import Metric

_CLIENTS = 8


def measure_cpu(lab: Lab) -> None:
    with lab.start_all() as peers:
        pairs = {name: peer for name, peer in peers.items() if peer.hops}
        lab.alternate(pairs, [partial(_take, seconds=lab.plan.seconds)])


def _take(peer: Peer, *, seconds: int) -> Iterator[tuple[Metric, float]]:
    work = partial(select_only, peer.address, clients=_CLIENTS, seconds=seconds)
    result, spent = metered(peer, work)
    title = f"CPU, pgbench -S, {_CLIENTS} clients"
    yield from per_unit(spent, result.transactions, key="cpu", title=title, what="transaction")
