"""What each person's machine asks for each hour: a login certificate, on the fastest way."""

from datetime import timedelta
from typing import Any

from anyio.to_thread import run_sync
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from pgward.ca import observe
from pgward.ca.identity import devices
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.issuing.issuance import Issued
from pgward.ca.login import renewal
from pgward.ca.login.rules import LoginRules
from pgward.ca.records import Kind
from pgward.ca.service import auth, context, replies, strict
from pgward.ca.service.context import Context
from pgward.ca.service.models import CertificateReply, LoginCertificateRequest
from pgward.core.errors import PgwardError

router = strict.router("people")
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
        "content": {"application/json": {"schema": LoginCertificateRequest.model_json_schema()}},
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
    service.limits.issuing(asking.session.user.name, service.monotonic())
    body = _read(await request.body())
    try:
        issued = await issue(service, asking.session, body)
    except PgwardError:
        service.known_sessions.forget(asking.token)
        raise
    return replies.as_json(replies.certificate(service.authority, issued))


async def for_web(service: Context, session: LoginSession, csr: str) -> Issued:
    """Issue the certificate with which the web client goes to an edge for whoever is logged in.

    By the same rules and limits, and on the same record, as one for a person's own machine.
    """
    service.limits.issuing(session.user.name, service.monotonic())
    return await issue(service, session, LoginCertificateRequest(csr=csr), web=True)


async def issue(
    service: Context, session: LoginSession, body: LoginCertificateRequest, *, web: bool = False
) -> Issued:
    """Issue a certificate to a login session, by its rules; what is refused goes on record."""
    try:
        await service.confirmations.confirm(session)
        return await _issue(service, session, body, web=web)
    except PgwardError as error:
        observe.event("refused", kind=str(Kind.PERSON))
        await run_sync(service.acts.refused, session.user.name, "certificate.issue", None, error)
        raise


async def _issue(
    service: Context, session: LoginSession, body: LoginCertificateRequest, *, web: bool
) -> Issued:
    name, seconds = session.user.name, body.lifetime_seconds
    rules = service.rule_book.known(name, service.changes.version)
    if rules is None:
        rules = await run_sync(service.rule_book.for_person, name)
    session_ends = renewal.session_ends(rules.login, session, service.now())
    if rules.login.posture:
        await run_sync(_check_posture, service, session, rules.login)
    if web:
        return await service.arrivals.wait(
            service.authority.begin_web(
                body.csr.encode(),
                user=name,
                session_id=session.id,
                session_ends=session_ends,
                rules=rules.certificate,
            )
        )
    return await service.arrivals.wait(
        service.authority.begin_login(
            body.csr.encode(),
            user=name,
            session_id=session.id,
            session_ends=session_ends,
            rules=rules.certificate,
            lifetime=None if seconds is None else timedelta(seconds=seconds),
        )
    )


def _check_posture(service: Context, session: LoginSession, rules: LoginRules) -> None:
    with service.store.read() as connection:
        device = devices.find(connection, session.user.name, session.thumbprint)
    renewal.check_posture(rules, None if device is None else device.posture)


def _read(body: bytes) -> LoginCertificateRequest:
    try:
        return LoginCertificateRequest.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise RequestValidationError(
            [each | {"loc": ("body", *each["loc"])} for each in found]
        ) from None
