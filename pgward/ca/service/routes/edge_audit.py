"""What edges deliver to the archive: chunks of their chains."""

import re
from functools import partial
from typing import Annotated, Any, Final

from anyio.to_thread import run_sync
from cryptography import x509
from fastapi import Depends, Header, Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from pgward.audit.chain.manifest import HEADER, MOST_BYTES
from pgward.ca.archive.archive import Archive
from pgward.ca.archive.chains import NotFollowingError
from pgward.ca.archive.intake import Delivery
from pgward.ca.identity.machines import Machine
from pgward.ca.service import auth, errors, strict
from pgward.ca.service import context as current
from pgward.ca.service.auth import Edge
from pgward.ca.service.context import Current
from pgward.ca.service.express import Put

router = strict.router("machines")
MAX_CHUNK_BODY = 7 * 1024 * 1024  # what stays below the bound of the whole request
PREFIX = "/v1/edges/self/audit/"
_CHAIN = "^[0-9a-f]{16}$"
_MISSING_HEADER = "Pgward-Missing"
_MISSING = r"^[1-9][0-9]{0,17}-[1-9][0-9]{0,17}$"

ChainName = Annotated[str, Path(pattern=_CHAIN)]
Manifest = Annotated[
    str, Header(alias=HEADER, max_length=MOST_BYTES, description="the chunk's manifest, a JWS")
]
Missing = Annotated[
    str | None,
    Header(
        alias=_MISSING_HEADER,
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
    ``behind`` or ``fork``. An error ``unacceptable`` (422) says that it is never taken:
    go on without it, across a gap.
    """
    delivery = Delivery(chain, first_seq, manifest, data, missing)
    return await _taken(context.archive, edge, delivery)


async def _express(request: Request) -> Response | None:
    """Do the same without FastAPI, which costs more than all else about a small chunk."""
    manifests, gaps = request.headers.getlist(HEADER), request.headers.getlist(_MISSING_HEADER)
    if len(manifests) != 1 or len(manifests[0]) > MOST_BYTES or len(gaps) > 1:
        return None
    if gaps and re.fullmatch(_MISSING, gaps[0]) is None:
        return None
    service = current.of(request)
    asking = await run_sync(auth.asking_edge, service, request)
    chain, first_seq = request.path_params["chain"], int(request.path_params["first_seq"])
    data = await request.body()
    delivery = Delivery(chain, first_seq, manifests[0], data, gaps[0] if gaps else None)
    return await _taken(service.archive, asking.machine, delivery, asking.certificate)


EXPRESS: Final = Put(
    re.compile(f"{PREFIX}(?P<chain>[0-9a-f]{{16}})/(?P<first_seq>[1-9][0-9]{{0,17}})"),
    f"{PREFIX}{{chain}}/{{first_seq}}",
    _express,
)


async def _taken(
    archive: Archive,
    edge: Machine,
    delivery: Delivery,
    certificate: x509.Certificate | None = None,
) -> JSONResponse:
    take = partial(archive.intake.take, edge, delivery, certificate)
    try:
        head = await run_sync(take, limiter=archive.taking)
    except NotFollowingError as error:
        return _conflict(error)
    return JSONResponse({"head": head.to_json()})


def _conflict(error: NotFollowingError) -> JSONResponse:
    detail = errors.ErrorDetail(
        code=error.code, message=error.message, hint=error.hint, fields=[]
    ).model_dump()
    more = {"head": error.head.to_json(), "reason": error.reason}
    return JSONResponse({"error": detail, **more}, errors.STATUS[error.code])
