"""What is sent to the CA: a chunk with its signed manifest, and a parcel of recordings."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from pgward.audit.chain import manifest
from pgward.audit.chain.manifest import Manifest
from pgward.client.machine import Machine
from pgward.core.errors import ConflictError

CONFLICT: Final = 409
_CHUNKS: Final = "/v1/edges/self/audit"
_PARCELS: Final = "/v1/edges/self/recordings"


def put_chunk(
    machine: Machine, about: Manifest, data: bytes, more: Mapping[str, str]
) -> tuple[int, dict[str, Any]]:
    """PUT a chunk, signed with the machine's present key; return the status and the answer.

    A conflict is a status. Raises UnacceptableError for what is never taken, FaultError when the
    CA failed at it, and other PgwardErrors.
    """
    key, certificates = machine.credentials
    text = manifest.sign(about, key, certificates)
    headers = {"Content-Type": "application/zstd", manifest.HEADER: text, **more}
    return machine.put_content(f"{_CHUNKS}/{about.chain}/{about.first_seq}", data, headers)


def put_parcel(machine: Machine, parcel: bytes) -> dict[str, Any]:
    """PUT a parcel; return the answer. Raises as ``put_chunk`` does."""
    path = f"{_PARCELS}/{sha256(parcel).hexdigest()}"
    headers = {"Content-Type": "application/octet-stream"}
    status, answer = machine.put_content(path, parcel, headers)
    if status == CONFLICT:
        raise ConflictError("the CA does not take a parcel of recordings")
    return answer
