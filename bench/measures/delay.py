"""Connects when a network's round trip lies between the hops."""

from collections.abc import Iterator
from functools import partial

from bench.lab import Lab
from bench.peers import Peer
from bench.pgbench import select_only
from bench.samples import Metric
from bench.sessions import connect_times

_CLIENTS = 8


def measure_delay(lab: Lab) -> None:
    plan = lab.plan
    takes = [
        partial(_one_by_one, connects=plan.connects, round_trip=plan.round_trip),
        partial(_rate, seconds=plan.seconds),
    ]
    with lab.start_all(round_trip=plan.round_trip) as peers:
        lab.alternate(peers, takes)


def _one_by_one(peer: Peer, *, connects: int, round_trip: float) -> Iterator[tuple[Metric, float]]:
    ready, answered = connect_times(peer.address, connects)
    yield (
        Metric(
            "delay.ready", "time until the session is ready, over the slow network", "ms", "less"
        ),
        ready,
    )
    yield (
        Metric("delay.answer", "time until the first answer, over the slow network", "ms", "less"),
        answered,
    )
    trips = answered / (round_trip * 1000)
    yield (
        Metric(
            "delay.trips", "round trips until the first answer, over the slow network", "", "less"
        ),
        trips,
    )


def _rate(peer: Peer, *, seconds: int) -> Iterator[tuple[Metric, float]]:
    result = select_only(peer.address, clients=_CLIENTS, seconds=seconds, connect_each=True)
    title = f"pgbench -C -S, {_CLIENTS} clients, over the slow network"
    yield Metric("delay.rate", title, "connects/s", "more"), result.tps
