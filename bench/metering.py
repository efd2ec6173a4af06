"""CPU time of each hop while something runs."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from bench import procfs
from bench.peers import Peer
from bench.samples import Metric

_T = TypeVar("_T")
Spent = dict[str, procfs.Cpu]


def metered(peer: Peer, work: Callable[[], _T]) -> tuple[_T, Spent]:
    """Do ``work``; return its result and what each hop of ``peer`` spent meanwhile."""
    before = {hop: procfs.cpu(pids) for hop, pids in peer.hops.items()}
    result = work()
    return result, {hop: procfs.cpu(pids) - before[hop] for hop, pids in peer.hops.items()}


def per_unit(
    spent: Spent, units: float, *, key: str, title: str, what: str
) -> Iterator[tuple[Metric, float]]:
    """Yield microseconds a unit (``what`` names it) for each hop: all, and the kernel's part."""
    for hop, cpu in spent.items():
        all_key = f"{key}.{hop}"
        yield (
            Metric(all_key, f"{title}, {hop} hop", f"µs/{what}", "less"),
            cpu.total / units * 1e6,
        )
        yield (
            Metric(f"{all_key}.system", f"{title}, {hop} hop, in the kernel", f"µs/{what}", "less"),
            cpu.system / units * 1e6,
        )
