"""Going on to the next phase of a rotation, or back: only when everyone who must is ready."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from cryptography import x509
from sqlalchemy.engine import Connection

from pgward.ca.generations import State
from pgward.ca.records import PublishedCrl
from pgward.ca.rotation import leaves, phases, replicas, rotations, seen
from pgward.ca.rotation.leaves import Held
from pgward.ca.rotation.phases import Phase, Step
from pgward.ca.rotation.replicas import Replica
from pgward.ca.rotation.rotations import Rotation
from pgward.ca.rotation.seen import Laggard
from pgward.ca.store import Transaction
from pgward.ca.store import authorities as stored
from pgward.ca.store import certificates as issued
from pgward.ca.store.certificates import CertificateFilter
from pgward.core.clock import rfc3339
from pgward.core.errors import ConflictError, InvalidInputError


class CrlPublisher(Protocol):
    """What signs new CRLs: the authority."""

    def publish_crls(self) -> list[PublishedCrl]:
        """Sign and store new CRLs of the issuing CAs."""
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """How a person wants to go on; ``without`` are machines that are dead, with a ``reason``."""

    by: str
    without: Collection[str] = ()
    reason: str = ""
    revoke_remaining: bool = False


@dataclass(frozen=True, slots=True)
class Hindrances:
    """What keeps a rotation in its phase."""

    laggards: Sequence[Laggard] = ()
    replicas: Sequence[tuple[Replica, str]] = ()
    held: Sequence[Held] = ()

    @property
    def left(self) -> int:
        """How many living certificates have no successor."""
        return sum(each.left for each in self.held)


@dataclass(slots=True)
class Moved:
    """What a move did, for the audit event."""

    rotation: Rotation
    revoked: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)

    def details(self) -> dict[str, Any]:
        """Return it flat."""
        return {
            "phase": self.rotation.phase.value,
            "revoked": len(self.revoked),
            "without": self.without,
        }


def advance(
    transaction: Transaction, name: str, wish: Wish, publisher: CrlPublisher, now: datetime
) -> Moved:
    """Go on to the next phase; raise ConflictError that says who lags and what to do."""
    rotation = rotations.get(transaction.connection, name)
    step = phases.forward(rotation.phase)
    found = hindrances(transaction.connection, rotation, step, now)
    without = _waived(found.laggards, wish)
    lagging = [each for each in found.laggards if each.machine not in without]
    _refuse_laggards(rotation, lagging, found.replicas)
    return _move(transaction, rotation, step, wish, publisher, now, found, sorted(without))


def rollback(
    transaction: Transaction, name: str, wish: Wish, publisher: CrlPublisher, now: datetime
) -> Moved:
    """Go back one phase; raise ConflictError when there is no way back, or somebody holds on.

    Machines need not be ready: they trust the old CA, which issues again or still does.
    """
    rotation = rotations.get(transaction.connection, name)
    step = phases.back(rotation.phase)
    found = hindrances(transaction.connection, rotation, step, now)
    return _move(transaction, rotation, step, wish, publisher, now, found, [])


def hindrances(connection: Connection, rotation: Rotation, step: Step, now: datetime) -> Hindrances:
    """Return everything that speaks against a step."""
    digest = stored.read(connection).digest()
    lagging = [
        (each, why)
        for each in replicas.present(connection, now)
        if (why := each.why_lagging(digest)) is not None
    ]
    held: Sequence[Held] = ()
    if step.leaves_of is not None:
        held = leaves.held(connection, *_sides(rotation, step), now)
    return Hindrances(seen.laggards(connection, rotation), lagging, held)


def _move(  # noqa: PLR0917 - one act with all that it needs
    transaction: Transaction,
    rotation: Rotation,
    step: Step,
    wish: Wish,
    publisher: CrlPublisher,
    now: datetime,
    found: Hindrances,
    without: list[str],
) -> Moved:
    revoked: list[str] = []
    if found.left:
        if not wish.revoke_remaining:
            raise _still_held(rotation, step, found)
        revoked = _revoke(transaction, rotation, step, now)
        publisher.publish_crls()
    for names, state in ((rotation.old, step.old), (rotation.new, step.new)):
        if state is not None:
            _set_states(transaction, names, state, now)
    told: dict[str, Any] = {"by": wish.by}
    if without:
        told |= {"without": without, "reason": wish.reason}
    if revoked:
        told |= {"revoked": len(revoked)}
    entered = rotations.enter(transaction, rotation, step.to, now=now, **told)
    return Moved(entered, revoked, without)


def _set_states(
    transaction: Transaction, names: Sequence[str], state: State, now: datetime
) -> None:
    until = None
    if state is State.RETIRED:
        # A root's list is needed as long as one of the CA below it counts.
        until = max(leaves.list_until(transaction.connection, each, now) for each in names)
    for name in names:
        stored.set_state(transaction, name, state, now=now, crl_until=until)


def _sides(rotation: Rotation, step: Step) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return whose certificates may be held no more, and whose replace them."""
    if step.leaves_of == "new":
        return rotation.new, rotation.old
    return rotation.old, rotation.new


def _revoke(transaction: Transaction, rotation: Rotation, step: Step, now: datetime) -> list[str]:
    serials = leaves.unreplaced(transaction.connection, *_sides(rotation, step), now)
    for serial in serials:
        wanted = CertificateFilter(serial=serial)
        issued.revoke(transaction, wanted, now=now, reason=x509.ReasonFlags.superseded)
    return serials


def _waived(lagging: Sequence[Laggard], wish: Wish) -> set[str]:
    """Return the machines that need not be ready; raise InvalidInputError for a wrong name."""
    if not wish.without:
        return set()
    if not wish.reason.strip():
        raise InvalidInputError(
            "going on without a machine needs a reason", hint="--reason 'the machine is scrapped'"
        )
    found = set()
    for name in wish.without:
        matching = [each.machine for each in lagging if name in (each.name, each.machine)]
        if len(matching) != 1:
            many = "is both an edge and a host" if matching else "does not lag"
            raise InvalidInputError(
                f"{name!r} {many}", hint="name it as `pgward ca rotate status` does"
            )
        found |= set(matching)
    return found


def _refuse_laggards(
    rotation: Rotation, lagging: Sequence[Laggard], slow: Sequence[tuple[Replica, str]]
) -> None:
    lines = [
        f"{each.machine} lags since {rfc3339(each.since)}: {each.why}; {each.hint}"
        for each in lagging
    ]
    lines += [f"the replica {each.address} lags: {why}" for each, why in slow]
    if not lines:
        return
    hint = "wait for them, and try again"
    if lagging:
        hint += (
            "; a machine that is gone for good: pgward edges remove, pgward hosts remove, or this"
            " once --force-without NAME --reason TEXT"
        )
    raise ConflictError(
        f"the rotation {rotation.id} stays in phase {rotation.phase}:\n" + "\n".join(lines),
        hint=hint,
    )


def _still_held(rotation: Rotation, step: Step, found: Hindrances) -> ConflictError:
    side = " and ".join(_sides(rotation, step)[0])
    lines = [
        f"{each.left} of kind {each.kind}, the last until {rfc3339(each.last_ends)}"
        for each in found.held
        if each.left
    ]
    goal = "end" if step.to is Phase.ROLLED_BACK else step.to
    return ConflictError(
        f"the rotation {rotation.id} cannot {'go on to' if goal != 'end' else 'reach its'} {goal}:"
        f" certificates of {side} are still held:\n" + "\n".join(lines),
        hint="wait until they are renewed or have ended, or --revoke-remaining to lock them out",
    )
