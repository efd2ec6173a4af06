"""New connections per second on a saturated loopback: pgbench -C."""

from collections.abc import Iterator
from functools import partial

from bench.lab import Lab
from bench.metering import metered, per_unit
from bench.peers import Peer
from bench.pgbench import select_only
from bench.samples import Metric

_CLIENTS = (1, 8)


def measure_connects(lab: Lab) -> None:
    takes = [partial(_take, clients=count, seconds=lab.plan.seconds) for count in _CLIENTS]
    with lab.start_all() as peers:
        lab.alternate(peers, takes)


def _take(peer: Peer, *, clients: int, seconds: int) -> Iterator[tuple[Metric, float]]:
    work = partial(select_only, peer.address, clients=clients, seconds=seconds, connect_each=True)
    result, spent = metered(peer, work)
    title = f"pgbench -C -S, {clients} client{'s' if clients > 1 else ''}"
    yield Metric(f"connect.{clients}", title, "connects/s", "more"), result.tps
    yield from per_unit(
        spent, result.transactions, key=f"connect-cpu.{clients}", title=title, what="connect"
    )
