"""OCSP over HTTP: RFC 6960 appendix A, with the caching of RFC 5019 section 6."""

import binascii
import logging
from base64 import b64decode
from email.utils import format_datetime
from hashlib import sha256
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Path, Request, Response

from pgward.ca.revoking.ocsp_responder import Reply
from pgward.ca.service import strict
from pgward.ca.service.context import Context, Current
from pgward.core.errors import PgwardError
from pgward.pki import ocsp
from pgward.pki.ocsp import Failure

router = strict.router("public", prefix="")
_TYPE = "application/ocsp-response"
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "an OCSPResponse in DER; it may say why there is no answer",
        "content": {_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}
_BODY = {
    "requestBody": {
        "required": False,  # without one it is malformed, which OCSP says in its own words
        "content": {"application/ocsp-request": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_MALFORMED = Reply(ocsp.failure(Failure.MALFORMED_REQUEST))
# How long a cache on the way may hide a revocation.
_MAX_AGE = 300
_log = logging.getLogger(__name__)


@router.post(
    "/ocsp",
    summary="Ask whether certificates are revoked",
    response_class=Response,
    responses=_ANSWER,
    openapi_extra=_BODY,
)
async def post(context: Current, request: Request) -> Response:
    """Answer an OCSPRequest in DER (RFC 6960)."""
    reply = await _reply(context, await request.body())
    return Response(reply.der, media_type=_TYPE)


@router.get(
    "/ocsp/{encoded:path}",
    summary="Ask whether certificates are revoked, cacheable",
    response_class=Response,
    responses=_ANSWER,
)
async def get(
    context: Current,
    encoded: Annotated[str, Path(description="an OCSPRequest in DER, base64, URL-encoded")],
) -> Response:
    """Answer an OCSPRequest in the address (RFC 6960 appendix A.1)."""
    data = _decode(encoded)
    reply = _MALFORMED if data is None else await _reply(context, data)
    return Response(reply.der, media_type=_TYPE, headers=_caching(context, reply))


async def _reply(context: Context, data: bytes) -> Reply:
    try:
        at_once = context.ocsp.at_once(data)
        return await run_sync(context.ocsp.respond, data) if at_once is None else at_once
    except PgwardError as error:  # the store is away, say
        _log.warning("an OCSP request was not answered: %s", error.message)
        return Reply(ocsp.failure(Failure.TRY_LATER))
    except Exception:  # noqa: BLE001 - OCSP has its own word for it
        _log.exception("an OCSP request was not answered")
        return Reply(ocsp.failure(Failure.INTERNAL_ERROR))


def _decode(encoded: str) -> bytes | None:
    try:
        return b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _caching(context: Context, reply: Reply) -> dict[str, str]:
    if reply.produced_at is None or reply.next_update is None:
        return {"Cache-Control": "no-store"}
    left = int((reply.next_update - context.now()).total_seconds())
    return {
        "Cache-Control": f"public, no-transform, must-revalidate, max-age={min(_MAX_AGE, left)}",
        "ETag": f'"{sha256(reply.der).hexdigest()[:32]}"',
        "Expires": format_datetime(reply.next_update, usegmt=True),
        "Last-Modified": format_datetime(reply.produced_at, usegmt=True),
    }
