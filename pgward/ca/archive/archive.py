"""The archive in one piece: what comes in, what is searched, and who is told of it."""

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import anyio
from sqlalchemy.engine import Connection

from pgward.audit.chain.manifest import SignedManifest
from pgward.ca.archive import signers
from pgward.ca.archive.intake import Intake
from pgward.ca.archive.news import News
from pgward.ca.archive.objects import ObjectStore
from pgward.ca.archive.search import Search
from pgward.ca.archive.verifying import Verifying
from pgward.ca.authority import Authority
from pgward.ca.store import Store, audit_numbers
from pgward.ca.store.audit_numbers import Buckets, Tally, Unit

_AT_ONCE = 2  # chunks that are opened, and searches that run: each keeps a core busy
_READERS = 8  # threads that wait for objects


@dataclass(frozen=True, slots=True)
class Archive:
    """What the routes work with; those that are ``taking`` or ``searching`` take turns.

    ``tally`` tells how much happened when; ``verifying`` has all of it verified.
    """

    objects: ObjectStore
    intake: Intake
    search: Search
    news: News
    tally: Tally
    verifying: Verifying
    taking: anyio.CapacityLimiter
    searching: anyio.CapacityLimiter
    threads: Executor
    close: Callable[[], None]


def make(store: Store, objects: ObjectStore, authority: Authority) -> Archive:
    """Join the parts."""
    news, threads = News(), ThreadPoolExecutor(_READERS, "archive")

    def check_signer(connection: Connection, signed: SignedManifest) -> None:
        signers.check(connection, signed, lambda: authority.trust.server_roots)

    def count(first: datetime, number: int, unit: Unit) -> Buckets:
        with store.read() as connection:
            return audit_numbers.count(connection, first, number, unit)

    verifying = Verifying(
        *(store, objects, threads, authority.clock),
        lambda: authority.trust.server_roots,
    )

    def close() -> None:
        verifying.close()
        threads.shutdown(wait=False, cancel_futures=True)

    return Archive(
        objects=objects,
        intake=Intake(
            store, objects, authority.clock, check_signer=check_signer, on_news=news.tell
        ),
        search=Search(store, objects, threads),
        news=news,
        tally=Tally(count),
        verifying=verifying,
        taking=anyio.CapacityLimiter(_AT_ONCE),
        searching=anyio.CapacityLimiter(_AT_ONCE),
        threads=threads,
        close=close,
    )
