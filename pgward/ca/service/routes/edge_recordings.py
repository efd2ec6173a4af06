"""What edges deliver of recordings: parcels of pieces."""

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Depends, Path, Request
from pydantic import BaseModel

from pgward.ca.service import strict
from pgward.ca.service.auth import Edge
from pgward.ca.service.context import Current

router = strict.router("machines")
PREFIX = "/v1/edges/self/recordings/"


class RefusedPiece(BaseModel):
    """A piece in whose place another is kept."""

    session: str
    piece: int


class ParcelKept(BaseModel):
    """How many pieces are new; all that are not ``refused`` are kept."""

    kept: int
    refused: list[RefusedPiece]


async def _parcel(request: Request, _edge: Edge) -> bytes:
    """Read the parcel once it is known that an edge sends it."""
    return await request.body()


@router.put(
    "/edges/self/recordings/{sha256}",
    summary="Deliver pieces of recordings",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    },
)
async def deliver(
    *,
    context: Current,
    edge: Edge,
    sha256: Annotated[str, Path(pattern="^[0-9a-f]{64}$")],
    data: Annotated[bytes, Depends(_parcel)],
) -> ParcelKept:
    """Keep pieces that are encrypted for this CA; what is here already stays as it is."""
    archive = context.archive
    taken = await run_sync(context.recordings.take, edge, sha256, data, limiter=archive.taking)
    if taken.kept:
        archive.news.tell()
    refused = [RefusedPiece(session=session, piece=piece) for session, piece in taken.refused]
    return ParcelKept(kept=taken.kept, refused=refused)
