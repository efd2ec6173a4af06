"""A million certificates: lists answer at once, and issuing is as fast as in an empty store."""

import hashlib
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest
import sqlalchemy as sa

from pgward.ca import store as stores
from pgward.ca.records import CaName, CertificateRecord, Kind, Signed
from pgward.ca.store import Store, listing, log
from pgward.ca.store.certificates import SqlCertificates
from pgward.ca.store.listing import Search
from pgward.core import serials
from pgward.system.postgres import temporary_cluster
from tests.fixtures import many

pytestmark = [pytest.mark.integration, pytest.mark.soak]

COUNT = int(os.environ.get("PGWARD_TEST_CERTIFICATES", "1000000"))
USERS = 1000
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def spent(act: Callable[[], object], rounds: int = 100) -> tuple[float, float]:
    """Return the median and the 99th percentile in milliseconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        act()
        times.append((time.perf_counter() - start) * 1000)
    return median(times), sorted(times)[int(rounds * 0.99) - 1]


def listed(store: Store, wanted: Search, limit: int = 200, cursor: str | None = None) -> int:
    with store.read() as connection:
        return len(listing.page(connection, wanted, limit=limit, cursor=cursor).rows)


def searches() -> dict[str, Search]:
    days = timedelta(days=1)
    return {
        "--user": Search(NOW, kind="person", subject="user7"),
        "--user --state active": Search(NOW, kind="person", subject="user7", state="active"),
        "--user --state revoked": Search(NOW, kind="person", subject="user700", state="revoked"),
        "--user --valid-at": Search(NOW, kind="person", subject="user7", valid_at=NOW - 5 * days),
        "--user of nobody": Search(NOW, kind="person", subject="nobody"),
        "(all)": Search(NOW),
        "--state active": Search(NOW, state="active"),
        "--state revoked": Search(NOW, state="revoked"),
        "--valid-at": Search(NOW, valid_at=NOW - 5 * days),
        "--issued-before": Search(NOW, issued_before=NOW - 6 * days),
        "--fingerprint": Search(NOW, fingerprint="00" * 32),
        "--key": Search(NOW, key_sha256="00" * 32),
        "--serial": Search(NOW, serial="abc"),
        "--service of 100 people": Search(
            NOW, owners=[("person", [f"user{each}" for each in range(100)]), ("edge", ["e1"])]
        ),
    }


def plan(store: Store, wanted: Search) -> str:
    statement = sa.select(listing.certificates.c.serial).where(*wanted.clauses())
    statement = statement.order_by(*listing._ORDER).limit(201)
    prefix = "EXPLAIN QUERY PLAN" if store.engine.dialect.name == "sqlite" else "EXPLAIN"
    with store.read() as connection:
        compiled = statement.compile(connection, compile_kwargs={"literal_binds": True})
        rows = connection.exec_driver_sql(f"{prefix} {compiled}").all()
    return "; ".join(str(row[-1]).strip() for row in rows)


def issue(store: Store, batch: int = 50) -> Callable[[], None]:
    """Return what reserves and records a batch, as the issuing queue does."""
    made = SqlCertificates(store)

    def run() -> None:
        now, ders = datetime.now(UTC), [os.urandom(450) for _ in range(batch)]
        records = [
            CertificateRecord(
                serial=serials.new(now, os.urandom(serials.RANDOM_OCTETS)),
                ca=CaName.SERVER_ISSUING,
                kind=Kind.EDGE,
                subject="e1",
                not_before=now,
                not_after=now + timedelta(hours=1),
                key_sha256=hashlib.sha256(der[:32]).hexdigest(),
            )
            for der in ders
        ]
        made.reserve(records)
        pairs = zip(records, ders, strict=True)
        assert made.record([Signed(record, der) for record, der in pairs]) == {}

    return run


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_and_full(request, tmp_path):
    if request.param == "sqlite":
        urls = [f"sqlite:///{tmp_path / name}.db" for name in ("empty", "full")]
        yield from opened(urls)
        return
    with temporary_cluster() as cluster:
        where = f"host={cluster.socket_dir}&port={cluster.port}"
        for name in ("empty", "full"):
            cluster.psql(f'CREATE DATABASE "{name}"')
        yield from opened(
            [f"postgresql+psycopg://postgres@/{name}?{where}" for name in ("empty", "full")]
        )


def opened(urls: list[str]):
    made = [stores.create(url) for url in urls]
    start = time.perf_counter()
    many.fill(made[1], COUNT, users=USERS, end=NOW)
    print(f"\n{COUNT} certificates written in {time.perf_counter() - start:.0f} s")  # noqa: T201
    yield made
    for store in made:
        store.close()


def test_a_million_certificates_slow_nothing_down(empty_and_full):
    empty, full = empty_and_full
    if full.engine.dialect.name == "postgresql":
        with full.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE")
    slow = []
    for name, wanted in searches().items():
        middle, worst = spent(lambda wanted=wanted: listed(full, wanted))
        print(f"list {name:26} p50 {middle:7.2f} ms  p99 {worst:7.2f} ms  {plan(full, wanted)}")  # noqa: T201
        if worst > 50:
            slow.append((name, worst))
    with full.read() as connection:
        size = log.state(connection).size
        middle, worst = spent(lambda: log.inclusion(connection, [size // 3], size))
    print(f"inclusion proof            p50 {middle:7.2f} ms  p99 {worst:7.2f} ms")  # noqa: T201
    times = {"empty": [], "full": []}
    for _ in range(5):
        for name, store in (("empty", empty), ("full", full)):
            times[name].append(spent(issue(store), 20)[0])
    found = {name: median(each) / 50 * 1000 for name, each in times.items()}
    print(f"reserve and record in batches of 50, us a certificate: {found}")  # noqa: T201
    assert [each for each in slow if "--user" in each[0]] == []
    assert found["full"] < 1.5 * found["empty"]
