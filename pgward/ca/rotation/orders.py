"""What the authority asks of a machine while a CA is being replaced."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from pgward.ca.identity.machines import Machine
from pgward.ca.rotation import phases, rotations, seen
from pgward.ca.rotation.phases import Phase
from pgward.ca.rotation.rotations import Rotation
from pgward.ca.store import authorities as stored
from pgward.ca.store import certificates as issued
from pgward.ca.store.certificates import CertificateFilter
from pgward.pki import crl


@dataclass(frozen=True, slots=True)
class Order:
    """Something that a machine shall show; ``issuer`` is the key identifier of the new CA.

    ``version`` is of the first snapshot of the phase: an edge with an older one shows nothing.
    """

    rotation: str
    phase: str
    need: str
    issuer: bytes
    version: int


@dataclass(frozen=True, slots=True)
class Orders:
    """All that is asked of a machine now; ``renew`` its certificate first."""

    renew: bool
    orders: tuple[Order, ...]


def of(connection: Connection, machine: Machine, serial: str, part: int) -> Orders:
    """Return what a machine, which has the certificate ``serial``, has still to do."""
    renew, orders = False, []
    for rotation in rotations.under_way(connection):
        renew = renew or _must_renew(connection, rotation, serial)
        need = phases.need(rotation.target, rotation.phase)
        if need is not None and not _has_shown(connection, rotation, machine, part):
            new = stored.read(connection).get(rotation.new_issuing).certificate
            issuer = crl.key_id(new)
            orders.append(Order(rotation.id, rotation.phase, need, issuer, rotation.version))
    return Orders(renew, tuple(orders))


def _must_renew(connection: Connection, rotation: Rotation, serial: str) -> bool:
    """Tell whether the certificate is from before the phase, and so are the roots beside it."""
    if rotation.hierarchy != "server":
        return False
    rows = issued.find(connection, CertificateFilter(serial=serial), limit=1)
    if not rows:
        return False
    if rotation.phase is Phase.ISSUE_NEW:
        return rows[0]["ca"] not in rotation.new
    created: datetime = rows[0]["created_at"]
    return created < rotation.phase_since


def _has_shown(connection: Connection, rotation: Rotation, machine: Machine, part: int) -> bool:
    told = seen.reports(connection, rotation).get((machine.kind.value, machine.name), [])
    return any(
        each.part == part and each.ok and each.reported_at >= machine.enrolled_at for each in told
    )
