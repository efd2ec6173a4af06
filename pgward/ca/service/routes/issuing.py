"""What each person's machine asks for each hour: a login certificate, on the fastest way."""

from asyncio import wrap_future
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from pgward.ca.service import auth, context, replies
from pgward.ca.service.models import CertificateReply, CertificateRequest
from pgward.core.errors import PgwardError

router = APIRouter(tags=["people"])
# The endpoint reads its request itself (`express`), so it describes it here.
_TAKES: dict[str, Any] = {
    "parameters": [
        {
            "name": name,
            "in": "header",
            "description": description,
            "required": False,
            "schema": {"type": "string"},
        }
        for name, description in auth.HEADERS.items()
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/CertificateRequest"}}
        },
    },
}


@router.post(
    "/certificates/login",
    summary="Get a login certificate",
    response_model=CertificateReply,
    openapi_extra=_TAKES,
)
async def certificate(request: Request) -> Response:
    """Issue a certificate in the person's name, no longer than the login session."""
    service = context.of(request)
    asking = await auth.renewing(service, request)
    body = _read(await request.body())
    session = asking.session
    try:
        issued = await wrap_future(
            service.authority.begin_login(
                body.csr.encode(),
                user=session.user.name,
                session_id=session.id,
                session_ends=session.expires_at,
            )
        )
    except PgwardError as error:
        service.known_sessions.forget(asking.token)
        await run_sync(service.acts.refused, session.user.name, "certificate.issue", None, error)
        raise
    return replies.as_json(replies.certificate(service.authority, issued))


def _read(body: bytes) -> CertificateRequest:
    try:
        return CertificateRequest.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise RequestValidationError(
            [each | {"loc": ("body", *each["loc"])} for each in found]
        ) from None
