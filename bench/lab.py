"""Where everything that one run needs is started, and stopped."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import certificates
from bench.authority import Authority
from bench.database import Database, running_database
from bench.options import ROOT, Options, Plan
from bench.peers import STARTERS, Link, Peer, Site, straight
from bench.processes import free_port, running, wait_listening
from bench.rounds import orders
from bench.samples import Metric, Samples
from bench.sessions import wait_ready
from pgward.core.address import Address

Take = Callable[[Peer], Iterable[tuple[Metric, float]]]
"""One measurement of one peer: what it found."""

# The sessions of the peer before need a moment to end.
_SETTLE_SECONDS = 0.3


@dataclass(slots=True)
class Lab:
    """One PostgreSQL, one set of certificates, and the peers as they are asked for."""

    plan: Plan
    peers: tuple[str, ...]
    directory: Path
    database: Database
    authority: Authority | None
    samples: Samples = field(default_factory=Samples)
    configuration: dict[str, dict[str, str]] = field(default_factory=dict)
    _started: int = 0

    @contextmanager
    def start(self, name: str, *, round_trip: float = 0.0) -> Iterator[Peer]:
        """Run a peer, with a network of ``round_trip`` seconds between its hops."""
        site = self._site(name, round_trip)
        with STARTERS[name](site) as peer:
            wait_ready(peer.there)
            if not round_trip:
                self.configuration.setdefault(name, dict(peer.configuration))
            yield peer

    @contextmanager
    def start_all(self, *, round_trip: float = 0.0) -> Iterator[dict[str, Peer]]:
        """Run every peer at once: those that are not measured idle."""
        with ExitStack() as stack:
            yield {
                name: stack.enter_context(self.start(name, round_trip=round_trip))
                for name in self.peers
            }

    def alternate(
        self, peers: dict[str, Peer], takes: Iterable[Take], *, rounds: int | None = None
    ) -> None:
        """Take every measurement of every peer in every round, the peers next to each other."""
        measurements = list(takes)
        count = rounds or self.plan.rounds
        for number, order in enumerate(orders(list(peers), count, self.plan.seed)):
            self.say(f"  round {number + 1} of {count}: {', '.join(order)}")
            for take in measurements:
                for name in order:
                    time.sleep(_SETTLE_SECONDS)
                    self.record(name, number, take(peers[name]))

    def record(self, peer: str, number: int, found: Iterable[tuple[Metric, float]]) -> None:
        for metric, value in found:
            self.samples.add(metric, peer, number, value)

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def _site(self, name: str, round_trip: float) -> Site:
        self._started += 1
        directory = self.directory / f"{self._started:03}-{name}"
        directory.mkdir()
        return Site(
            directory=directory,
            certificates=self._certificates(directory),
            upstream=self.database.address,
            link=_late(round_trip, directory) if round_trip else straight,
            authority=self.authority,
        )

    def _certificates(self, directory: Path) -> certificates.Certificates:
        # The CA's login certificates last an hour, so each start gets the current ones.
        if self.authority is not None:
            return self.authority.certificates(directory)
        return certificates.make(directory)


def _late(round_trip: float, directory: Path) -> Link:
    @contextmanager
    def link(target: Address) -> Iterator[Address]:
        reached = Address("127.0.0.1", free_port())
        argv = [sys.executable, "-m", "bench.delay", "--target", str(target)]
        argv += ["--port", str(reached.port), "--round-trip-ms", str(round_trip * 1000)]
        log = directory / "delay.log"
        with running(argv, log, cwd=ROOT) as process:
            wait_listening(reached, process, log)
            yield reached

    return link


@contextmanager
def open_lab(options: Options, directory: Path) -> Iterator[Lab]:
    """Start PostgreSQL, and the CA when pgward takes part."""
    plan = options.plan
    with ExitStack() as stack:
        database = stack.enter_context(
            running_database(directory, scale=plan.scale, copy_megabytes=plan.copy_megabytes)
        )
        authority = None
        if "pgward" in options.peers or "aware" in options.measures:
            (directory / "ca").mkdir()
            authority = stack.enter_context(Authority(directory / "ca").running())
        yield Lab(plan, options.peers, directory, database, authority)
