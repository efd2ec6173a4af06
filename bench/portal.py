"""What each page of the portal costs the CA: ``python -m bench.portal [--grants N] [--limit MS]``.

With 10,000 people, 1,000 services, 100,000 live grants, certificates, records and database sessions
in SQLite: every page that an administrator, an auditor, an approver and a plain person find by
links, asked for in this process. Prints milliseconds of the processor from the request to the last
byte and of the clock (medians), bytes, and statements that the store ran; exits with 1 when a page
takes more of the processor than the limit.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import FastAPI
from sqlalchemy import event

from bench.micro import access_world as world
from pgward.ca import hierarchy
from pgward.ca.archive.directory import DirectoryObjects
from pgward.ca.authority import Authority
from pgward.ca.hierarchy import Hierarchies, Hierarchy
from pgward.ca.identity import directory
from pgward.ca.identity.passwords import Passwords
from pgward.ca.records import CaName
from pgward.ca.service.app import create_app
from pgward.ca.settings import Settings
from pgward.ca.store import Store, opening
from pgward.ca.store.certificates import SqlCertificates
from pgward.ca.store.schema import certificates as certificates_of
from pgward.ca.store.schema import group_members, login_sessions, machines
from pgward.ca.store.schema_archive import database_sessions
from pgward.ca.store.schema_login import devices
from pgward.core.clock import SystemClock
from pgward.pki import keys
from pgward.portal import front
from tests.fixtures import many, page_routes
from tests.fixtures.ca_service import PASSWORD, SEALER, URL, publish
from tests.fixtures.in_process import InProcess
from tests.fixtures.page_walk import Walk
from tests.fixtures.web_person import WebPerson

LIMIT_MS = 50
AUDITOR = world.person(11)
PEOPLE = (world.ADMINISTRATOR, AUDITOR, world.APPROVER, world.ASKER)
_TIMES = 9
_EDGES, _HOSTS, _SESSIONS = 50, 200, 100_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What one page costs one person."""

    path: str
    who: str
    processor: float
    clock: float
    size: int
    statements: int


def fill(store: Store, grants: int, certificates: int) -> None:
    """Put all that pages list into a new store."""
    now = datetime.now(UTC)
    world.fill(store, now, grants)
    many.fill(store, certificates, users=world.PEOPLE, end=now)
    encoded = Passwords().hash(PASSWORD)
    with store.write() as transaction:
        member = {"group_name": directory.AUDITORS, "user_name": AUDITOR}
        transaction.execute(sa.insert(group_members), [member])
        for each in PEOPLE:
            directory.set_password(transaction, each, encoded, now=now)
    for table, rows in (
        (machines, [*_machines("edge", _EDGES, now), *_machines("host", _HOSTS, now)]),
        (devices, list(_devices(now))),
        (login_sessions, list(_logins(now))),
        (database_sessions, list(_sessions(now))),
    ):
        with store.write() as transaction:
            transaction.execute(sa.insert(table), rows)
            transaction.changed()


def _machines(kind: str, count: int, now: datetime) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {
            "kind": kind,
            "name": f"{kind}-{number}",
            "dns": [f"{kind}-{number}.example.com"],
            "ips": [],
            "advertise": f"{kind}-{number}.example.com:7432" if kind == "edge" else None,
            "enrolled_at": now,
            "last_seen_at": now,
            "snapshot_version": None,
        }


def _devices(now: datetime) -> Iterator[dict[str, Any]]:
    for number in range(world.PEOPLE):
        yield {
            "id": f"{number:016x}",
            "user_name": world.person(number),
            "thumbprint": f"{number:043d}",
            "name": "laptop",
            "state": "pending" if number % 50 == 0 else "approved",
            "created_at": now - timedelta(seconds=number),
            "last_seen_at": now - timedelta(seconds=number),
        }


def _logins(now: datetime) -> Iterator[dict[str, Any]]:
    for number in range(world.PEOPLE):
        yield {
            "id": f"{number:032x}",
            "token_hash": number.to_bytes(32, "big"),
            "user_name": world.person(number),
            "thumbprint": f"{number:043d}",
            "method": "password",
            "created_at": now - timedelta(seconds=number),
            "expires_at": now + timedelta(hours=10),
            "device_id": f"{number:016x}",
        }


def _sessions(now: datetime) -> Iterator[dict[str, Any]]:
    for number in range(_SESSIONS):
        began, runs = now - timedelta(seconds=number), number % 500 == 0
        yield {
            "id": f"{number:016x}-1",
            "edge": f"edge-{number % _EDGES}",
            "user_name": world.person(number * 7),
            "service": world.service(number * 13),
            "database_name": "shop",
            "role_name": "app",
            "client": "192.0.2.1",
            "application": "psql",
            "started_at": began,
            "ended_at": None if runs else began + timedelta(seconds=30),
            "status": None if runs else "ok",
            "end_reason": None if runs else "the client left",
            "statements": number % 100,
            "errors": 0,
            "denied": 0,
            "row_count": number % 1000,
            "received_at": began,
        }


def _make_real(store: Store, certificate: x509.Certificate) -> None:
    """Put a certificate in the place of random bytes: pages read them."""
    der = certificate.public_bytes(Encoding.DER)
    with store.write() as transaction:
        transaction.execute(sa.update(certificates_of).values(der=der))


@contextmanager
def opened(grants: int, certificates: int) -> Iterator[FastAPI]:
    """Make a CA with all that, which is gone afterwards."""
    with empty() as (store, directory):
        fill(store, grants, certificates)
        with application(store, directory) as app:
            yield app


@contextmanager
def empty() -> Iterator[tuple[Store, Path]]:
    """Make a store that is gone afterwards."""
    with tempfile.TemporaryDirectory() as temporary:
        store = opening.create(f"sqlite:///{Path(temporary) / 'ca.db'}")
        try:
            yield store, Path(temporary)
        finally:
            store.close()


@contextmanager
def application(store: Store, directory: Path) -> Iterator[FastAPI]:
    """Make the CA's application on a store, with keys of its own."""
    clock = SystemClock()
    made = [
        hierarchy.create("Acme", root, issuing, clock.now())
        for root, issuing in (
            (CaName.USER_ROOT, CaName.USER_ISSUING),
            (CaName.SERVER_ROOT, CaName.SERVER_ISSUING),
        )
    ]
    all_of = Hierarchies(
        *(Hierarchy(each.root.certificate, each.issuing.as_issuing()) for each in made)
    )
    _make_real(store, made[0].root.certificate)
    stored = SqlCertificates(store, clock)
    publish(stored, all_of, clock, *made)
    authority = Authority(Settings(), all_of, stored, clock)
    app = create_app(
        authority,
        store,
        log_key=keys.generate(),
        sealer=SEALER,
        objects=DirectoryObjects(directory / "archive"),
        front=front.install,
    )
    page_routes.without_limits(app)
    yield app
    authority.close()


def costs(app: FastAPI) -> Iterator[Cost]:
    """Measure each page that somebody finds, once for each person."""
    pages = page_routes.every(app)
    ran = [0]
    engine = app.state.context.store.engine
    event.listen(engine, "before_cursor_execute", lambda *_: ran.__setitem__(0, ran[0] + 1))
    for who in PEOPLE:
        client = WebPerson(app).sign_in(who).client
        for seen in Walk(client, pages).begin():
            used, took, before = [], [], ran[0]
            for _ in range(_TIMES):
                began, begin = time.process_time(), time.perf_counter()
                client.get(seen.path, headers={"Accept": "text/html"})
                used.append((time.process_time() - began) * 1e3)
                took.append((time.perf_counter() - begin) * 1e3)
            statements, size = (ran[0] - before) // _TIMES, len(seen.answer.content)
            medians = (statistics.median(used), statistics.median(took))
            yield Cost(seen.path, who, *medians, size, statements)


def report(found: Sequence[Cost], limit: float) -> int:
    """Print a table, the dearest first; return the exit code."""
    print(f"{'processor':>9} {'clock':>8} {'bytes':>8} {'SQL':>4}  page")
    for each in sorted(found, key=lambda it: -it.processor):
        mark = "!" if each.processor > limit else " "
        print(
            f"{each.processor:9.1f} {each.clock:8.1f} {each.size:8} {each.statements:4} {mark}"
            f" {each.path}  ({each.who})"
        )
    return 1 if any(each.processor > limit for each in found) else 0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--grants", type=int, default=100_000)
    parser.add_argument("--certificates", type=int, default=100_000)
    parser.add_argument("--limit", type=float, default=LIMIT_MS, metavar="MS")
    given = parser.parse_args()
    with opened(given.grants, given.certificates) as app, InProcess(app, base_url=URL):
        return report(list(costs(app)), given.limit)


if __name__ == "__main__":
    sys.exit(main())
