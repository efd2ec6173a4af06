"""Replies that several routes give."""

from functools import lru_cache

from fastapi import Response
from pydantic import BaseModel

from pgward.ca.authority import Authority
from pgward.ca.issuing.issuance import Issued
from pgward.ca.service.models import CertificateReply
from pgward.pki import pem

# Few, and in every reply.
_text = lru_cache(32)(pem.text)


def certificate(authority: Authority, issued: Issued) -> CertificateReply:
    """Return a new certificate with its chain and the roots of both hierarchies."""
    trust = authority.trust
    return CertificateReply(
        certificate=pem.text(issued.certificate),
        chain=[_text(each) for each in issued.chain],
        server_roots=[_text(each) for each in trust.server_roots],
        user_roots=[_text(each) for each in trust.user_roots],
        serial=issued.serial_hex,
        not_before=issued.certificate.not_valid_before_utc,
        not_after=issued.certificate.not_valid_after_utc,
    )


def as_json(reply: BaseModel) -> Response:
    """Return a reply as it is: FastAPI would validate it again, which issuing has no time for."""
    return Response(reply.model_dump_json(), media_type="application/json")
