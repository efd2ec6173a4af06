"""Replies that several routes give."""

from pgward.ca.authority import Authority
from pgward.ca.issuance import Issued
from pgward.ca.service.models import CertificateReply
from pgward.pki import pem


def certificate(authority: Authority, issued: Issued) -> CertificateReply:
    """Return a new certificate with its chain and the roots of both hierarchies."""
    trust = authority.trust
    return CertificateReply(
        certificate=pem.text(issued.certificate),
        chain=[pem.text(each) for each in issued.chain],
        server_roots=[pem.text(each) for each in trust.server_roots],
        user_roots=[pem.text(each) for each in trust.user_roots],
        serial=issued.serial_hex,
        not_before=issued.certificate.not_valid_before_utc,
        not_after=issued.certificate.not_valid_after_utc,
    )
