"""The revocation lists and the CAs' certificates, which anyone may read."""

from datetime import datetime
from email.utils import format_datetime
from typing import Annotated

from anyio.to_thread import run_sync
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import Path, Request, Response
from pydantic import BaseModel

from pgward.ca.issuing import profiles
from pgward.ca.revoking import crl_health
from pgward.ca.revoking.crl_health import State
from pgward.ca.revoking.served_crls import ServedCrl
from pgward.ca.service import strict
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Time
from pgward.core.errors import NotFoundError
from pgward.pki import pem

router = strict.router("public", prefix="")  # `public_http` serves them at shorter paths
Name = Annotated[str, Path(pattern="^[a-z][a-z0-9-]{0,31}$", description="a CA, as in /crls")]
_PEM = {"application/x-pem-file": {"schema": {"type": "string"}}}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_UNCHANGED = {"description": "it is the one that If-None-Match names"}


class CrlInfo(BaseModel):
    """A revocation list without its contents; PostgreSQL refuses everyone without a current one."""

    name: str
    number: int
    this_update: Time
    next_update: Time
    age_seconds: int
    state: State
    message: str


class Crls(BaseModel):
    """The newest revocation list of each CA."""

    crls: list[CrlInfo]


@router.get("/crls", summary="List the revocation lists")
def every(context: Current) -> Crls:
    """Return number and times of each CA's newest list, and whether it nears its end."""
    context.authority.catch_up()  # PostgreSQL needs the list of a new CA as soon as it is tried
    now = context.now()
    return Crls(crls=[_info(each, now) for each in context.crls.every()])


@router.get(
    "/crls/{name}.crl",
    summary="Get a revocation list in DER",
    response_class=Response,
    responses={200: {"content": {"application/pkix-crl": _BINARY}}, 304: _UNCHANGED},
)
async def crl_der(context: Current, request: Request, name: Name) -> Response:
    """Return the newest list of a CA (RFC 5280)."""
    found = await _find(context, name)
    return _answer(request, found, found.crl.der, "application/pkix-crl")


@router.get(
    "/crls/{name}.pem",
    summary="Get a revocation list in PEM",
    response_class=Response,
    responses={200: {"content": _PEM}, 304: _UNCHANGED},
)
async def crl_pem(context: Current, request: Request, name: Name) -> Response:
    """Return the newest list of a CA, as PostgreSQL reads it."""
    found = await _find(context, name)
    return _answer(request, found, found.pem, "application/x-pem-file")


@router.get(
    "/certs/{name}.crt",
    summary="Get a CA's certificate in DER",
    response_class=Response,
    responses={200: {"content": {"application/pkix-cert": _BINARY}}},
)
def certificate_der(context: Current, name: Name) -> Response:
    """Return the certificate of a CA; whoever trusts it compares the fingerprint first."""
    found = context.authority.certificates().get(name)
    if found is None:
        raise NotFoundError(f"there is no CA {name!r}")
    return Response(found.public_bytes(Encoding.DER), media_type="application/pkix-cert")


@router.get(
    "/certs/{name}.pem",
    summary="Get a CA's certificate in PEM",
    response_class=Response,
    responses={200: {"content": _PEM}},
)
def certificate_pem(context: Current, name: Name) -> Response:
    """Return the certificate of a CA; whoever trusts it compares the fingerprint first."""
    found = context.authority.certificates().get(name)
    if found is None:
        raise NotFoundError(f"there is no CA {name!r}")
    return Response(pem.text(found), media_type="application/x-pem-file")


async def _find(context: Context, name: str) -> ServedCrl:
    known = context.crls.known(name)
    return await run_sync(context.crls.get, name) if known is None else known


def _answer(request: Request, found: ServedCrl, body: bytes, media_type: str) -> Response:
    tag = f'"{found.crl.number}"'
    signed_at = found.crl.this_update + profiles.BACKDATE
    headers = {
        "Cache-Control": "no-cache",  # a cache must not hide a revocation: it asks each time
        "ETag": tag,
        "Last-Modified": format_datetime(signed_at, usegmt=True),
    }
    # If-Modified-Since would hide the second of two lists of the same second.
    if _names(request.headers.getlist("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _names(values: list[str], tag: str) -> bool:
    """Tell whether If-None-Match names this ETag (RFC 9110 section 13.1.2)."""
    given = {each.strip().removeprefix("W/") for value in values for each in value.split(",")}
    return tag in given or "*" in given


def _info(served: ServedCrl, now: datetime) -> CrlInfo:
    crl = served.crl
    health = crl_health.judge(crl.name, crl_health.Times.of(crl), now)
    return CrlInfo(
        name=crl.name,
        number=crl.number,
        this_update=crl.this_update,
        next_update=crl.next_update,
        age_seconds=int((now - crl.this_update).total_seconds()),
        state=health.state,
        message=health.message,
    )
