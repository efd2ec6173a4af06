"""What 100,000 live grants cost, at the CA and at an edge: ``python -m bench.micro.grants``.

Milliseconds of processor time: to read and pack them first, and again when one has changed; to
make and sign the snapshot; to verify and read it first, and again. Then microseconds of a decision
about a connection, at the 50th and the 99th percentile.
"""

import random
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec

from pgward.ca import snapshot_builder
from pgward.ca.authority import Trust
from pgward.ca.resources.kinds import ServiceSpec
from pgward.ca.snapshot_builder import State
from pgward.ca.snapshot_grants import GrantBook
from pgward.ca.store import opening
from pgward.ca.store.database import Store
from pgward.ca.store.schema_access import access_grants
from pgward.core.address import Address
from pgward.pki import jws
from pgward.pki.crl import RevocationList
from pgward.tunnel.edge.grants import Grants
from pgward.tunnel.edge.landing import landing
from pgward.tunnel.edge.state import EdgeState, Peer, Service
from pgward.tunnel.edge.state_postgres import Config, NoAuth, UserRule

PEOPLE, SERVICES, GRANTS = 10_000, 1_000, 100_000
DECISIONS = 20_000
_TYPE = "pgward-bench+jws"
_CONFIG = Config(None, (Address("db", 5432),), UserRule(from_grant=True), NoAuth())
_ROWS = 5_000
T = TypeVar("T")


def timed(act: Callable[[], T]) -> tuple[T, float]:
    """Return what it gives, and milliseconds of processor time."""
    begin = time.process_time()
    found = act()
    return found, (time.process_time() - begin) * 1e3


def person(number: int) -> str:
    return f"person{number % PEOPLE}@example.com"


def service(number: int) -> str:
    return f"service-{number % SERVICES}"


def fill(store: Store, now: datetime, grants: int = GRANTS) -> None:
    """Give everybody ten grants."""
    chance = random.Random(7)
    rows = [
        {
            "id": f"{chance.getrandbits(128):032x}",
            "user_name": person(number),
            "service": service(number * 7 + number // PEOPLE),
            "flow": "oncall",
            "integration": f"db-{number % 50}",
            "role": f"person{number % PEOPLE}",
            "rights": {},
            "names": [f"bundle-{number % 40}", "reporting"],
            "state": "active",
            "granted_at": now,
            "ends_at": now + timedelta(seconds=chance.randint(600, 30_000)),
            "break_glass": False,
        }
        for number in range(grants)
    ]
    for start in range(0, len(rows), _ROWS):
        with store.write() as transaction:
            transaction.execute(sa.insert(access_grants), rows[start : start + _ROWS])
            transaction.changed()


def end_one(store: Store) -> None:
    with store.write() as transaction:
        one = sa.select(sa.func.min(access_grants.c.id)).scalar_subquery()
        ending = sa.update(access_grants).where(access_grants.c.id == one)
        transaction.execute(ending.values(state="ending"))
        transaction.changed()


def specs() -> list[tuple[str, ServiceSpec]]:
    """Return services, half of them in mode postgres, each for a group and whoever has a grant."""
    found = []
    for number in range(SERVICES):
        spec: dict[str, Any] = {
            "mode": "tcp",
            "upstream": {"host": "db1.internal"},
            "allow": {"groups": [f"group-{number % 200}"]},
        }
        if number % 2:
            block = {"user": {"fromGrant": True}, "auth": {"certificate": {"minutes": 5}}}
            spec |= {"mode": "postgres", "postgres": block}
        found.append((service(number), ServiceSpec.model_validate(spec)))
    return found


def edge_state(payload: dict[str, Any], now: datetime) -> EdgeState:
    """Return what an edge decides by, without certificates and lists."""
    services = {
        each["name"]: Service(
            each["name"],
            Address("db", 5432),
            frozenset(),
            frozenset(each["allow"]["groups"]),
            grants=Grants.read(each["grants"]),
        )
        for each in payload["services"]
    }
    groups = {name: frozenset(people) for name, people in payload["groups"].items()}
    lists = RevocationList({b"issuer": frozenset()}, now + timedelta(days=1))
    return EdgeState(1, "", services, groups, frozenset(), lists)


def decisions(state: EdgeState, now: datetime) -> list[float]:
    """Return microseconds of decisions, the shortest first; everybody has a grant there."""
    found = []
    for number in range(DECISIONS):
        peer = Peer(person(number), number, b"issuer", now + timedelta(hours=1))
        name = service(number * 7 + number // PEOPLE)
        begin = time.perf_counter()
        wanted = state.authorize(peer, name, now)
        granted = wanted.granted(peer.user, now)
        asked = {"user": peer.user, "database": "shop"}
        landing(_CONFIG, asked, peer.user, service=name, granted=granted.role)
        found.append((time.perf_counter() - begin) * 1e6)
    return sorted(found)


def main() -> None:
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as directory:
        store = opening.create(f"sqlite:///{Path(directory) / 'ca.db'}")
        fill(store, now)
        book = GrantBook()

        def read() -> Any:
            with store.read() as connection:
                return book.read(connection, now)

        _, first = timed(read)
        end_one(store)
        packed, again = timed(read)
        store.close()
    print(f"CA: read and pack all {first:8.1f} ms, when one has changed {again:.1f} ms")
    groups = {f"group-{n}": [person(m) for m in range(n, PEOPLE, 200)] for n in range(200)}
    names = {person(number): person(number) for number in range(PEOPLE)}
    known = State(1, specs(), groups, names, [], [], Trust("", (), (), ()), grants=packed)
    payload, build = timed(lambda: snapshot_builder.build(known, "edge1", now=now))
    key = ec.generate_private_key(ec.SECP256R1())
    header = {"typ": _TYPE, "alg": "ES256", "x5c": []}
    text, sign = timed(lambda: jws.sign(header, payload, key))
    print(f"CA: build {build:.1f} ms, sign {sign:.1f} ms, {len(text) / 1e6:.1f} MB")

    def verify() -> Any:
        statement = jws.parse(text, typ=_TYPE, max_bytes=1 << 26)
        statement.verify(key.public_key())
        return statement.payload

    got, verified = timed(verify)
    state, unpacked = timed(lambda: edge_state(got, now))
    print(f"edge: verify {verified:.1f} ms, unpack all grants {unpacked:.1f} ms")
    took = decisions(state, now)
    middle, late = took[len(took) // 2], took[len(took) * 99 // 100]
    print(f"edge: a decision {middle:.1f} µs, at the 99th percentile {late:.1f} µs")


if __name__ == "__main__":
    main()
