"""What access costs at the CA: ``python -m bench.micro.access [--postgresql] [--grants N]``.

With 10,000 people, 1,000 services and 100,000 live grants in the store: milliseconds from the call
to the answer, and of this process's processor, in SQLite or in a PostgreSQL started for it.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from bench.micro import access_world as world
from pgward.access.flows import Asked
from pgward.access.request_states import ACTIVE, LIVE
from pgward.ca import snapshot_builder
from pgward.ca.access import (
    asking,
    deciding,
    ending,
    reporting,
    requests,
    settling,
    viewing,
    wanted_builder,
)
from pgward.ca.access.asking import Wish
from pgward.ca.access.reporting import Report, Told
from pgward.ca.access.requests import GrantSearch, Search
from pgward.ca.access.viewing import Viewer
from pgward.ca.authority import Trust
from pgward.ca.identity import directory
from pgward.ca.identity.machines import Machine
from pgward.ca.records import Kind
from pgward.ca.snapshot_grants import GrantBook
from pgward.ca.store import Store, opening
from pgward.ca.store.schema_access import access_grants
from pgward.pki import jws
from pgward.system.postgres import temporary_cluster

_TYPE = "pgward-bench+jws"
_PAGE = 100


class Bench:
    """One store, and what is done with it."""

    def __init__(self, store: Store, now: datetime) -> None:
        self._store, self._now = store, now
        self._numbers = count()
        self._book = GrantBook()
        self._key = ec.generate_private_key(ec.SECP256R1())

    def all(self) -> None:
        self._listings()
        self._acts()
        self._wanted()
        self._snapshots()
        self._upkeep()

    def _listings(self) -> None:
        def seen(name: str, see: Callable[[Viewer], Any]) -> Callable[[], Any]:
            def do() -> Any:
                with self._store.read() as connection:
                    user = directory.get(connection, name)
                    return see(Viewer(connection, user, self._now))

            return do

        page = {"after": None, "limit": _PAGE}
        live = GrantSearch(LIVE)
        admin, asker, approver = world.ADMINISTRATOR, world.ASKER, world.APPROVER
        asks = {"to_decide": False, **page}
        for name, who, see in (
            ("grants, an administrator's", admin, lambda it: it.grants(live, **page)),
            (
                "grants, of one service",
                admin,
                lambda it: it.grants(_on(service="service-7"), **page),
            ),
            ("grants, of one person", admin, lambda it: it.grants(_on(user=asker), **page)),
            ("grants, one's own", asker, lambda it: it.grants(live, **page)),
            ("grants, an approver's", approver, lambda it: it.grants(live, **page)),
            ("requests, an administrator's", admin, lambda it: it.requests(Search(), **asks)),
            ("requests, one's own", asker, lambda it: it.requests(Search(user=asker), **asks)),
            ("requests, whatever one sees", asker, lambda it: it.requests(Search(), **asks)),
            ("requests, an approver's", approver, lambda it: it.requests(Search(), **asks)),
            (
                "requests, to decide",
                approver,
                lambda it: it.requests(Search(), **page, to_decide=True),
            ),
        ):
            say(f"list {name}", seen(who, see))
        with self._store.read() as connection:
            asking_one = directory.get(connection, asker)

        def offers() -> None:
            with self._store.read() as connection:
                for _ in viewing.offers(connection, asking_one, None):
                    pass

        say("list offers, of all services", offers)

    def _acts(self) -> None:
        asked: list[str] = []

        def ask() -> None:
            number = next(self._numbers)
            with self._store.write() as transaction:
                user = directory.get(transaction.connection, world.person(500 + number))
                rights = Asked(frozenset({world.bundle(number)}))
                wish = Wish(world.service(number * 13), rights, 3600, "a ticket")
                asked.append(asking.ask(transaction, user, wish, now=self._now).id)

        given: list[str] = []

        def approve() -> None:
            with self._store.write() as transaction:
                one = asked.pop()
                deciding.decide(transaction, one, world.APPROVER, approve=True, now=self._now)
                given.append(one)

        def revoke() -> None:
            with self._store.write() as transaction:
                grant = requests.find_grant(transaction.connection, given.pop())
                if grant is not None:
                    ending.end(transaction, grant, "revoked", now=self._now, by=world.APPROVER)

        say("ask", ask, 40)
        say("approve", approve, 40)
        say("revoke", revoke, 20)

    def _wanted(self) -> None:
        machine = Machine(Kind.CONNECTOR, "c7", (), (), None, self._now, None, None)

        def told() -> Any:
            with self._store.read() as connection:
                found = wanted_builder.of_machine(connection, machine, 1, self._now)
            wanted_builder.tag_of(found)
            return found

        say("wanted of one connector, 2,000 grants", told, 5)
        with self._store.read() as connection:
            mine = requests.grants(connection, access_grants.c.integration == "db-7", most=20)
            ids = [each.id for each in mine]

        def report() -> None:
            number = next(self._numbers)
            grants = [Told(each, "active", self._now) for each in ids]
            with self._store.write() as transaction:
                body = Report(f"{number:032x}", "db-7", number, grants)
                reporting.take(transaction, machine, body, now=self._now)

        say("report of 20 grants that are there", report, 10)

    def _snapshots(self) -> None:
        class Signing:
            trust = Trust("", (), (), ())

            def user_crls(self) -> list[Any]:
                return []

            def retired(self) -> list[Any]:
                return []

        known: list[Any] = []

        def read() -> None:
            with self._store.read() as connection:
                found = snapshot_builder.read(
                    connection,
                    Signing(),  # type: ignore[arg-type] # what reading needs of it
                    next(self._numbers),
                    self._now,
                    grants=self._book,
                )
            known[:] = [found]

        def build() -> None:
            payload = snapshot_builder.build(known[0], "edge1", now=self._now)
            jws.sign({"typ": _TYPE, "alg": "ES256", "x5c": []}, payload, self._key)

        say("snapshot: read all, first", read, 1)
        for _ in range(5):
            self._end_one()
            say("snapshot: read again, one grant has changed", read, 1)
        say("snapshot: build and sign, each edge", build, 5)

    def _end_one(self) -> None:
        with self._store.write() as transaction:
            one = next(
                requests.grants(transaction.connection, access_grants.c.state == ACTIVE, most=1)
            )
            requests.change_grant(transaction, one, state="ending")

    def _upkeep(self) -> None:
        say("upkeep, when nothing is due", lambda: settling.settle(self._store, self._now), 20)
        with self._store.write() as transaction:
            transaction.touch("user", world.ASKER)
        say("upkeep, a person was changed", lambda: settling.settle(self._store, self._now), 1)
        with self._store.write() as transaction:
            transaction.touch("AccessFlow", "flow-3")
        say("upkeep, a flow of 5,000 grants", lambda: settling.settle(self._store, self._now), 1)
        with self._store.write() as transaction:
            transaction.touch("RoleBundle", "bundle-3")
        say("upkeep, a bundle of 2,500 grants", lambda: settling.settle(self._store, self._now), 1)
        later = self._now + timedelta(seconds=33_010)
        ended: list[int] = []
        say("upkeep, grants whose time is over", lambda: self._ended(ended, later), 1)
        print(f"  ({ended[0]} of them)")

    def _ended(self, ended: list[int], later: datetime) -> None:
        ended.append(settling.settle(self._store, later))


def _on(**given: Any) -> GrantSearch:
    return GrantSearch(LIVE, **given)


def say(what: str, do: Callable[[], Any], times: int = 10) -> None:
    """Print how long it takes, the median and the slowest, and the median of processor time."""
    took, used = [], []
    for _ in range(times):
        begin, began = time.perf_counter(), time.process_time()
        do()
        used.append((time.process_time() - began) * 1e3)
        took.append((time.perf_counter() - begin) * 1e3)
    middle, slowest, cpu = statistics.median(took), max(took), statistics.median(used)
    print(f"{what:45} {middle:9.1f} ms, slowest {slowest:9.1f}, processor {cpu:9.1f}", flush=True)


@contextmanager
def opened(*, postgresql: bool) -> Iterator[Store]:
    """Make a store that is gone afterwards."""
    if postgresql:
        with temporary_cluster() as cluster:
            cluster.psql("CREATE DATABASE ca")
            place = f"host={cluster.socket_dir}&port={cluster.port}"
            store = opening.create(f"postgresql+psycopg://postgres@/ca?{place}")
            try:
                yield store
            finally:
                store.close()
        return
    with tempfile.TemporaryDirectory() as directory:
        store = opening.create(f"sqlite:///{Path(directory) / 'ca.db'}")
        try:
            yield store
        finally:
            store.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--grants", type=int, default=100_000)
    given = parser.parse_args()
    now = datetime.now(UTC)
    with opened(postgresql=given.postgresql) as store:
        world.fill(store, now, given.grants)
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the most
        begin = memory("VmRSS")
        Bench(store, now).all()
        print(f"memory: {begin} MiB before, {memory('VmRSS')} at the end, {memory('VmHWM')} most")


def memory(name: str) -> int:
    """Return MiB of memory that this process has now, or had at most."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(each.split()[1]) >> 10 for each in lines if each.startswith(f"{name}:"))


if __name__ == "__main__":
    main()
