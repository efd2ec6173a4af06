"""The first step of every rotation: the next CAs are trusted, and have their lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pgward.audit.events import AuditEvent
from pgward.ca import caller
from pgward.ca.generations import Generation, Generations
from pgward.ca.issuing.issuer import IssuingCa
from pgward.ca.keys.signer import Signer
from pgward.ca.records import PublishedCrl
from pgward.ca.revoking import crl_maker
from pgward.ca.rotation import rotations
from pgward.ca.rotation.rotations import Rotation
from pgward.ca.store import Transaction
from pgward.ca.store import authorities as stored
from pgward.ca.store.certificates import SqlCertificates
from pgward.core.clock import Clock
from pgward.pki import fingerprint


@dataclass(frozen=True, slots=True)
class NextCa:
    """A CA that is there to take over, and what signs with its key."""

    generation: Generation
    signer: Signer


def begin(
    transaction: Transaction,
    made: Sequence[NextCa],
    known: Generations,
    certificates: SqlCertificates,
    clock: Clock,
) -> Rotation:
    """Store the next CAs, roots first, with their lists and the rotation.

    Raises ConflictError when their hierarchy is being rotated already.
    """
    generations = [each.generation for each in made]
    target, now = generations[0].role, clock.now()
    rotations.check_none_under_way(transaction.connection, target)
    stored.add(transaction, generations)
    for each in made:
        _publish(each, certificates, clock)
    rotation = rotations.add(
        transaction,
        generations[0].id,
        target,
        old=tuple(known.current(each.role).id for each in generations),
        new=tuple(each.id for each in generations),
        now=now,
        by=caller.SYSTEM,
    )
    transaction.record(_event(rotation, generations, now))
    return rotation


def _publish(made: NextCa, certificates: SqlCertificates, clock: Clock) -> None:
    """Store a first CRL; a root's lives as long as the root."""
    each = made.generation
    if each.is_root:
        certificates.save_crl(_of_root(made, clock.now()))
    else:
        ca = IssuingCa(each.id, each.certificate, made.signer)
        crl_maker.CrlMaker([ca], certificates, clock).publish()


def _of_root(made: NextCa, now: datetime) -> PublishedCrl:
    root = made.generation
    return crl_maker.sign(
        root.id,
        root.certificate,
        made.signer,
        now=now,
        next_update=root.certificate.not_valid_after_utc,
        number=crl_maker.next_number(now, 0),
    )


def _event(rotation: Rotation, generations: Sequence[Generation], now: datetime) -> AuditEvent:
    return AuditEvent.make(
        time=now,
        actor=caller.SYSTEM,
        action="rotation.start",
        target=rotation.id,
        details={each.id: fingerprint.of(each.certificate) for each in generations},
    )
