"""What edges deliver to the archive: chunks of their chains."""

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Depends, Header, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from pgward.audit.chain.lines import Head
from pgward.audit.chain.manifest import HEADER, MOST_BYTES
from pgward.ca.archive.chains import NotFollowingError
from pgward.ca.archive.intake import Delivery
from pgward.ca.service import errors, strict
from pgward.ca.service.auth import Edge
from pgward.ca.service.context import Current

router = strict.router("machines")
MAX_CHUNK_BODY = 7 * 1024 * 1024  # what stays below the bound of the whole request
PREFIX = "/v1/edges/self/audit/"
_CHAIN = "^[0-9a-f]{16}$"
_MISSING = r"^[1-9][0-9]{0,17}-[1-9][0-9]{0,17}$"

ChainName = Annotated[str, Path(pattern=_CHAIN)]
Manifest = Annotated[
    str, Header(alias=HEADER, max_length=MOST_BYTES, description="the chunk's manifest, a JWS")
]
Missing = Annotated[
    str | None,
    Header(
        alias="Pgward-Missing",
        pattern=_MISSING,
        description="`FIRST-LAST`: the lines before the chunk that the edge has no more",
    ),
]


class HeadInfo(BaseModel):
    """How far a chain goes: ``hash`` is its last line's, in base64url."""

    chain: str
    seq: int
    hash: str


class Kept(BaseModel):
    """The chunk is kept: the archive has the chain up to ``head``."""

    head: HeadInfo


async def _chunk(request: Request, _edge: Edge) -> bytes:
    """Read the chunk once it is known that an edge sends it."""
    return await request.body()


@router.put(
    "/edges/self/audit/{chain}/{first_seq}",
    summary="Deliver a chunk of an audit chain",
    response_model=Kept,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/zstd": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def deliver(
    *,
    context: Current,
    edge: Edge,
    chain: ChainName,
    first_seq: Annotated[int, Path(ge=1, lt=10**18)],
    data: Annotated[bytes, Depends(_chunk)],
    manifest: Manifest,
    missing: Missing = None,
) -> Any:
    """Keep a chunk that follows the chain's head, or that is kept already.

    409 tells the head in ``head``, and in ``reason`` why the chunk does not follow it: ``gap``,
    ``behind`` or ``fork``. An error ``refused`` (422) says that it is never taken: go on without
    it, across a gap.
    """
    archive = context.archive
    delivery = Delivery(chain, first_seq, manifest, data, missing)
    try:
        head = await run_sync(archive.intake.take, edge, delivery, limiter=archive.taking)
    except NotFollowingError as error:
        return _conflict(error)
    return Kept(head=_head(head))


def _conflict(error: NotFollowingError) -> JSONResponse:
    detail = errors.ErrorDetail(
        code=error.code, message=error.message, hint=error.hint, fields=[]
    ).model_dump()
    more = {"head": error.head.to_json(), "reason": error.reason}
    return JSONResponse({"error": detail, **more}, errors.STATUS[error.code])


def _head(head: Head) -> HeadInfo:
    return HeadInfo(**head.to_json())
