"""What `pgward ca rotate status` shows."""

from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from pgward.ca.rotation import engine, leaves, phases, replicas, rotations, seen
from pgward.ca.rotation.endings import Ending, endings
from pgward.ca.rotation.rotations import Rotation
from pgward.ca.store import authorities as stored
from pgward.pki import fingerprint


def read(connection: Connection, now: datetime) -> dict[str, Any]:
    """Return every CA, the rotations under way with all that hinders them, and the replicas."""
    known = stored.read(connection)
    digest = known.digest()
    return {
        "authorities": [_authority(each, now) for each in endings(known)],
        "retired": [each.id for each in known.all if not each.is_trusted],
        "rotations": [_rotation(connection, each, now) for each in rotations.under_way(connection)],
        "replicas": [
            {
                "address": each.address,
                "seen_at": each.seen_at,
                "lags": each.why_lagging(digest),
            }
            for each in replicas.present(connection, now)
        ],
    }


def _authority(each: Ending, now: datetime) -> dict[str, Any]:
    return {
        "id": each.generation.id,
        "state": each.generation.state.value,
        "subject": each.generation.certificate.subject.rfc4514_string(),
        "issuer": each.generation.certificate.issuer.rfc4514_string(),
        "role": each.generation.role.value,
        "fingerprint": fingerprint.of(each.generation.certificate),
        "begins": each.generation.certificate.not_valid_before_utc,
        "ends": each.ends,
        "start_by": each.start_by,
        "is_due": each.is_due(now),
    }


def _rotation(connection: Connection, rotation: Rotation, now: datetime) -> dict[str, Any]:
    step = phases.forward(rotation.phase)
    found = engine.hindrances(connection, rotation, step, now)
    held = leaves.held(connection, rotation.old, rotation.new, now)
    return {
        "id": rotation.id,
        "target": rotation.target.value,
        "old": list(rotation.old),
        "new": list(rotation.new),
        "phase": rotation.phase.value,
        "since": rotation.phase_since,
        "next": step.to.value,
        "is_ready": not (found.laggards or found.replicas or found.left),
        "laggards": [seen.as_json(each) for each in found.laggards],
        "held": [
            {
                "kind": each.kind,
                "alive": each.alive,
                "left": each.left,
                "last_ends": each.last_ends,
            }
            for each in held
        ],
        "history": list(rotation.history),
    }
