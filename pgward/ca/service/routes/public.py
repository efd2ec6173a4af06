"""What anyone may read: health, the roots to trust, the revocation lists."""

from typing import Annotated

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import APIRouter, Path, Response
from pydantic import BaseModel

from pgward.ca.records import PublishedCrl
from pgward.ca.service.context import Current
from pgward.ca.service.models import Time
from pgward.pki import pem

router = APIRouter(tags=["public"])
CaId = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,32}$", description="as `GET /v1/crls` names it")]
_DER = {"application/pkix-crl": {"schema": {"type": "string", "format": "binary"}}}
_PEM = {"application/x-pem-file": {"schema": {"type": "string"}}}


class Health(BaseModel):
    """The authority answers, and its store does."""

    status: str


class TrustReply(BaseModel):
    """The CA's name, and the roots of both hierarchies in PEM."""

    name: str
    server_roots: list[str]
    user_roots: list[str]


class CrlInfo(BaseModel):
    """A revocation list without its contents."""

    name: str
    number: int
    this_update: Time
    next_update: Time


class Crls(BaseModel):
    """The newest revocation list of each CA."""

    crls: list[CrlInfo]


@router.get("/health", summary="Tell whether the authority works")
def health(context: Current) -> Health:
    """Read the store, so that a broken one shows here (503)."""
    context.store.version()
    return Health(status="ok")


@router.get("/trust", summary="Get the roots to trust")
def trust(context: Current) -> TrustReply:
    """Return both hierarchies' roots; compare the fingerprint before you trust them."""
    found = context.authority.trust
    return TrustReply(
        name=found.name,
        server_roots=[pem.text(each) for each in found.server_roots],
        user_roots=[pem.text(each) for each in found.user_roots],
    )


@router.get("/crls", summary="List the revocation lists")
def crls(context: Current) -> Crls:
    """Return number and times of each CA's newest list."""
    return Crls(crls=[_info(crl) for crl in context.authority.crls()])


@router.get(
    "/crls/{name}.crl",
    summary="Get a revocation list in DER",
    response_class=Response,
    responses={200: {"content": _DER}},
)
def crl_der(context: Current, name: CaId) -> Response:
    """Return the newest list of a CA (RFC 5280)."""
    return _crl(context.authority.crl(name), "application/pkix-crl", Encoding.DER)


@router.get(
    "/crls/{name}.pem",
    summary="Get a revocation list in PEM",
    response_class=Response,
    responses={200: {"content": _PEM}},
)
def crl_pem(context: Current, name: CaId) -> Response:
    """Return the newest list of a CA, as PostgreSQL reads it."""
    return _crl(context.authority.crl(name), "application/x-pem-file", Encoding.PEM)


def _info(crl: PublishedCrl) -> CrlInfo:
    return CrlInfo(
        name=crl.name, number=crl.number, this_update=crl.this_update, next_update=crl.next_update
    )


def _crl(crl: PublishedCrl, media_type: str, encoding: Encoding) -> Response:
    body = crl.der
    if encoding is Encoding.PEM:
        body = x509.load_der_x509_crl(crl.der).public_bytes(Encoding.PEM)
    # A cache must not hide a revocation.
    headers = {"Cache-Control": "no-cache", "ETag": f'"{crl.number}"'}
    return Response(body, media_type=media_type, headers=headers)
