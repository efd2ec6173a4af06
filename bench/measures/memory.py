"""Memory per idle connection, both hops: growth of PSS over many sessions."""

import time
from collections.abc import Iterator

from bench import procfs
from bench.lab import Lab
from bench.peers import Peer
from bench.processes import BenchError
from bench.rounds import orders
from bench.samples import Metric
from bench.sessions import idle

_WARM_UP = 8
_LOOK_EVERY_SECONDS = 0.5
_STEADY = 0.002
_LOOKS = 20


def measure_memory(lab: Lab) -> None:
    """Measure each peer freshly started: memory once used is seldom given back."""
    plan = lab.plan
    for number, order in enumerate(orders(lab.peers, plan.memory_rounds, plan.seed)):
        lab.say(f"  round {number + 1} of {plan.memory_rounds}: {', '.join(order)}")
        for name in order:
            with lab.start(name) as peer:
                if peer.hops:
                    lab.record(name, number, _take(lab, peer, plan.idle_connections))


def _take(lab: Lab, peer: Peer, count: int) -> Iterator[tuple[Metric, float]]:
    with idle(peer.address, _WARM_UP, "warm-up"):
        pass
    before = _settled(peer)
    with idle(peer.address, count, "idle"):
        _check_established(lab, count)
        after = _settled(peer)
    growth = {hop: (after[hop] - before[hop]) / count / 1024 for hop in peer.hops}
    for hop, kibibytes in {"both": sum(growth.values()), **growth}.items():
        where = "both hops" if hop == "both" else f"{hop} hop"
        title = f"memory per idle connection at {count}, {where}"
        yield Metric(f"memory.{hop}", title, "KiB", "less"), kibibytes


def _check_established(lab: Lab, count: int) -> None:
    there = lab.database.psql(
        "select count(*) from pg_stat_activity where application_name = 'bench-idle'"
    )
    if int(there) != count:
        raise BenchError(f"{there} of {count} idle sessions are there")


def _settled(peer: Peer) -> dict[str, int]:
    """Return the PSS of each hop in bytes when it no longer changes."""
    seen = _pss(peer)
    for _ in range(_LOOKS):
        time.sleep(_LOOK_EVERY_SECONDS)
        now = _pss(peer)
        if all(abs(now[hop] - seen[hop]) <= _STEADY * seen[hop] for hop in now):
            return now
        seen = now
    return seen


def _pss(peer: Peer) -> dict[str, int]:
    return {hop: procfs.pss(pids) for hop, pids in peer.hops.items()}
