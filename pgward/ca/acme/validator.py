"""Validates challenges in the background, for all replicas together, across restarts.

What is to be done stands in the store: a challenge that is *processing* and due. Whoever takes
one puts its due time off by a lease, so that another takes it over if this process dies.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import sqlalchemy as sa

from pgward.audit.events import AuditEvent
from pgward.ca.acme import accounts, moves, orders, states
from pgward.ca.acme.accounts import Account
from pgward.ca.acme.identifiers import Identifier
from pgward.ca.acme.office import Office
from pgward.ca.acme.orders import Challenge
from pgward.ca.acme.problems import AcmeError
from pgward.ca.store import Transaction
from pgward.ca.store.schema_acme import acme_challenges
from pgward.core.errors import PgwardError

ATTEMPT_SECONDS = 30.0  # for all addresses and redirects together
LEASE = timedelta(seconds=40)  # longer than one attempt may take
# After an attempt that got no answer; then it is given up.
DELAYS = (timedelta(seconds=3), timedelta(seconds=8))
_TEMPORARY = ("connection", "dns", "tls")
_MOST_AT_ONCE = 16
_CHECK_SECONDS = 2.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """A challenge to validate, and for whom."""

    challenge: Challenge
    identifier: Identifier
    account: Account

    @property
    def key_authorization(self) -> str:
        """What the host must show (RFC 8555 section 8.1)."""
        return f"{self.challenge.token}.{self.account.key.thumbprint}"


class Prober(Protocol):
    """Connects to the host."""

    async def __call__(self, job: Job) -> None:
        """Raise AcmeError unless the host answers the challenge."""
        ...


class Validator:
    """Takes jobs from the store and writes down how they ended."""

    def __init__(self, office: Office, prober: Prober, *, every: float = _CHECK_SECONDS) -> None:
        self._office = office
        self._prober = prober
        self._every = every
        self._work = asyncio.Event()
        self._active: set[str] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Validate as long as the context is open; what is under way then is given back."""
        loop = asyncio.get_running_loop()
        self._office.wake = _waker(loop, self._work)
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            with suppress(PgwardError):
                await asyncio.to_thread(give_back, self._office, sorted(self._active))

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                self._work.clear()
                for job in await self._take():
                    self._active.add(job.challenge.id)
                    group.create_task(self._validate(job))
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._every):
                        await self._work.wait()

    async def _take(self) -> list[Job]:
        room = _MOST_AT_ONCE - len(self._active)
        try:
            return await asyncio.to_thread(take, self._office, room) if room else []
        except PgwardError as error:  # the store may be away: the next look tells
            _log.warning("challenges cannot be read: %s", error.message)
        except Exception:  # noqa: BLE001 - a bug must not end all validation
            _log.exception("challenges cannot be read")
        return []

    async def _validate(self, job: Job) -> None:
        problem: AcmeError | None = None
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                await self._prober(job)
        except AcmeError as error:
            problem = error
        except TimeoutError:
            problem = AcmeError("connection", "the host took too long")
        except Exception:  # noqa: BLE001 - a bug is told as such, and must not end all validation
            _log.exception("a validation failed unexpectedly")
            problem = AcmeError("serverInternal", "the validation failed unexpectedly")
        try:
            await asyncio.to_thread(finish, self._office, job, problem)
        except PgwardError as error:  # when the lease ends it is taken again
            _log.warning("a validation's end cannot be stored: %s", error.message)
        except Exception:  # noqa: BLE001 - as above
            _log.exception("a validation's end cannot be stored")
        self._active.discard(job.challenge.id)
        self._work.set()


def take(office: Office, most: int = _MOST_AT_ONCE) -> list[Job]:
    """Return jobs that are due, leased to this process."""
    columns, now = acme_challenges.c, office.now()
    processing = columns.status == states.Challenge.PROCESSING.value
    waiting = sa.select(columns.id).where(processing, columns.due_at <= now)
    due = waiting.order_by(columns.due_at).limit(most)
    with office.store.read() as connection:
        if connection.execute(due.limit(1)).first() is None:
            return []
    with office.store.write() as transaction:
        ids = list(transaction.execute(due).scalars())
        lease = sa.update(acme_challenges).where(columns.id.in_(ids)).values(due_at=now + LEASE)
        transaction.execute(lease)
        found = [_job(transaction, each) for each in ids]
    return [job for job in found if job is not None]


def give_back(office: Office, challenge_ids: list[str]) -> None:
    """End the leases of what was begun and not finished."""
    if not challenge_ids:
        return
    columns = acme_challenges.c
    mine = (
        columns.id.in_(challenge_ids),
        columns.status == states.Challenge.PROCESSING.value,
    )
    with office.store.write() as transaction:
        transaction.execute(sa.update(acme_challenges).where(*mine).values(due_at=office.now()))


def finish(office: Office, job: Job, problem: AcmeError | None) -> None:
    """Store how an attempt ended, with its audit event; the order follows."""
    now, number = office.now(), job.challenge.attempts
    again = problem is not None and problem.kind in _TEMPORARY and number < len(DELAYS)
    with office.store.write() as transaction:
        if again and problem is not None:
            transaction.execute(
                sa.update(acme_challenges)
                .where(acme_challenges.c.id == job.challenge.id)
                .values(attempts=number + 1, due_at=now + DELAYS[number], error=problem.document())
            )
            return
        _settle(transaction, office, job, problem)


def _settle(transaction: Transaction, office: Office, job: Job, problem: AcmeError | None) -> None:
    challenge, now = job.challenge, office.now()
    proved = problem is None
    target = states.Challenge.VALID if proved else states.Challenge.INVALID
    values = {
        "attempts": challenge.attempts + 1,
        "finished_at": now,
        "due_at": None,
        "error": None if problem is None else problem.document(),
    }
    if not moves.move_challenge(transaction, challenge.id, target, **values):
        return
    outcome = states.Authorization.VALID if proved else states.Authorization.INVALID
    moves.move_authorization(transaction, challenge.authorization_id, outcome)
    transaction.record(
        AuditEvent.make(
            time=now,
            actor=job.account.actor,
            action="acme.challenge",
            outcome="ok" if proved else "failed",
            target=job.identifier.value,
            reason=None if problem is None else problem.message,
            details={"type": challenge.type, "account": job.account.id},
        )
    )


def _job(transaction: Transaction, challenge_id: str) -> Job | None:
    connection = transaction.connection
    challenge = orders.find_challenge(connection, challenge_id)
    if challenge is None:
        return None
    owner = accounts.find(connection, challenge.account_id)
    authorization = orders.find_authorization(connection, challenge.authorization_id)
    if owner is None or authorization is None:
        return None
    open_ = authorization.status is states.Authorization.PENDING
    if not open_ or owner.status is not states.Account.VALID:
        gone = states.Challenge.INVALID
        moves.move_challenge(transaction, challenge_id, gone, due_at=None)
        return None
    return Job(challenge, authorization.identifier, owner)


def _waker(loop: asyncio.AbstractEventLoop, work: asyncio.Event) -> Callable[[], None]:
    def wake() -> None:
        # The loop may be gone while a thread still answers.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(work.set)

    return wake
