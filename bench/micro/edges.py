"""What a change costs that edges must hear of: ``python -m bench.micro.edges [--grants N]``.

With 10,000 people, 1,000 services and 100,000 live grants: milliseconds of processor time of an
approval, from the store to what edges decide by and keep on disk, without HTTP. In parts, and in
whole snapshots, as edges get them that know no parts.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path

from bench.micro import access_world as world
from pgward.ca import hierarchy
from pgward.ca.access import requests
from pgward.ca.authority import Authority
from pgward.ca.hierarchy import Hierarchies, Hierarchy
from pgward.ca.keys.signer import KeySigner
from pgward.ca.records import CaName
from pgward.ca.revoking import crl_maker
from pgward.ca.settings import Settings
from pgward.ca.snapshots import Snapshots
from pgward.ca.store import Store, opening
from pgward.ca.store.certificates import SqlCertificates
from pgward.core.clock import SystemClock
from pgward.tunnel.edge.feed import Feed
from pgward.tunnel.edge.kept import Answer

_EDGES = (1, 10, 50)
_CHANGES = 5


class Source:
    """The CA without HTTP; ``used`` is the processor time of its last answer."""

    def __init__(self, name: str, snapshots: Snapshots, store: Store, *, parts: bool) -> None:
        self.name = name
        self._snapshots, self._store, self._parts = snapshots, store, parts
        self.used = 0.0
        self.sent = 0

    def snapshot(self, after: int, wait: float, tag: str) -> Answer | None:  # noqa: ARG002 - never
        version, began = self._store.version(), time.process_time()
        if not self._parts:
            answer = Answer(self._snapshots.get(self.name, version))
        elif self._snapshots.news(self.name, version, after, tag).is_other:
            told = self._snapshots.tell(self.name, version, after, tag)
            answer = Answer(told.snapshot, told.parts)
        else:
            answer = None
        self.used = (time.process_time() - began) * 1e3
        if answer is not None:
            self.sent = len(answer.snapshot) + sum(map(len, answer.parts.values()))
        return answer

    def renew_if_due(self) -> bool:
        return False


class Bench:
    """A CA, and edges of it."""

    def __init__(self, authority: Authority, store: Store, directory: Path) -> None:
        self._authority, self._store, self._directory = authority, store, directory
        self._numbers = count()

    def all(self) -> None:
        for parts in (False, True):
            print("in parts" if parts else "whole")
            snapshots = Snapshots(self._store, self._authority, self._authority.clock)
            for edges in _EDGES if parts else _EDGES[:2]:
                self._measure(snapshots, edges, parts=parts)

    def _measure(self, snapshots: Snapshots, edges: int, *, parts: bool) -> None:
        sources = [
            Source(f"e{number}", snapshots, self._store, parts=parts) for number in range(edges)
        ]
        feeds = [self._feed(each) for each in sources]
        first = self._poll(feeds, sources)
        if edges == 1:
            self._say("the first answer", [first])
        self._say(f"{edges} edges, an approval", self._approvals(feeds, sources))

    def _approvals(
        self, feeds: list[Feed], sources: list[Source]
    ) -> list[tuple[float, float, int]]:
        found = []
        for _ in range(_CHANGES):
            grant = self._give()
            waiting = self._poll(feeds, sources)
            with self._store.write() as transaction:
                requests.change_grant(transaction, grant, state="active")
            there = self._poll(feeds, sources)
            found.append((waiting[0] + there[0], waiting[1] + there[1], there[2]))
        return found

    def _give(self) -> requests.Grant:
        number, now = next(self._numbers), self._authority.clock.now()
        values = {
            "id": f"new-{number}",
            "user_name": world.person(number),
            "service": world.service(number * 13),
            "flow": "flow-1",
            "integration": "db-1",
            "role": "someone",
            "rights": {},
            "names": ["bundle-1"],
            "state": "pending",
            "granted_at": now,
            "ends_at": now + timedelta(hours=1),
            "break_glass": False,
        }
        with self._store.write() as transaction:
            return requests.add_grant(transaction, values)

    def _poll(self, feeds: list[Feed], sources: list[Source]) -> tuple[float, float, int]:
        """Return what the CA used for all of them, what one edge used, and bytes for one."""
        began = time.process_time()
        for feed in feeds:
            feed.poll()
        ca = sum(each.used for each in sources)
        edge = ((time.process_time() - began) * 1e3 - ca) / len(feeds)
        return ca, edge, sources[-1].sent

    def _feed(self, source: Source) -> Feed:
        place = self._directory / source.name
        place.mkdir(exist_ok=True)
        roots = self._authority.trust.server_roots
        return Feed(
            source,
            lambda: roots,
            place / "snapshot.jws",
            self._authority.clock,
            on_state=lambda _: None,
            on_renewed=lambda: None,
        )

    def _say(self, what: str, values: list[tuple[float, float, int]]) -> None:
        ca, edge, sent = (statistics.median(each[part] for each in values) for part in range(3))
        print(
            f"{what:30} CA {ca:8.1f} ms, each edge {edge:7.1f} ms, {sent / 1e3:8.1f} kB", flush=True
        )


@contextmanager
def _authority(store: Store) -> Iterator[Authority]:
    clock, made = SystemClock(), []
    certificates = SqlCertificates(store, clock)
    for root, issuing in (
        (CaName.USER_ROOT, CaName.USER_ISSUING),
        (CaName.SERVER_ROOT, CaName.SERVER_ISSUING),
    ):
        new = hierarchy.create("bench", root, issuing, clock.now())
        made.append(Hierarchy(new.root.certificate, new.issuing.as_issuing()))
        end = new.root.certificate.not_valid_after_utc
        signer = KeySigner(new.root.key)
        crl = crl_maker.sign(
            root, new.root.certificate, signer, now=clock.now(), next_update=end, number=1
        )
        certificates.save_crl(crl)
    authority = Authority(Settings(), Hierarchies(*made), certificates, clock)
    authority.publish_crls()
    try:
        yield authority
    finally:
        authority.close()


def main(measure: Callable[[Bench], None] = Bench.all) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--grants", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pgward-bench-") as directory:
        store = opening.create(f"sqlite:///{directory}/ca.db")
        world.fill(store, SystemClock().now(), given.grants)
        with _authority(store) as authority:
            measure(Bench(authority, store, Path(directory)))
        store.close()


if __name__ == "__main__":
    main()
