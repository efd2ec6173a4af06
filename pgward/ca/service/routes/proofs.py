"""Certificates with which a PostgreSQL host proves whom its server lets in."""

from typing import Annotated

from pydantic import BaseModel, Field

from pgward.ca.identity import machines
from pgward.ca.identity.machines import Machine
from pgward.ca.issuing import proofs
from pgward.ca.issuing.issuance import Issued
from pgward.ca.issuing.proofs import Variant
from pgward.ca.revoking.revocation import Reason
from pgward.ca.service import strict
from pgward.ca.service.auth import Host
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body, Request, checked
from pgward.ca.store.certificates import CertificateFilter
from pgward.core import names
from pgward.core.errors import DeniedError
from pgward.pki import csr, pem

router = strict.router("machines")
Domain = Annotated[str, Field(max_length=253), checked(names.dns_name)]


class ProofsRequest(Body):
    """A key that wants proof certificates; ``domain`` is what the server takes off names."""

    csr: Request
    domain: Domain | None = None


class ProofsReply(BaseModel):
    """The reserved name, and its certificates: valid, expired, not yet valid and revoked."""

    name: str
    certificates: dict[Variant, str]
    chain: list[str]


@router.post("/machine/proofs", summary="Get certificates to prove a PostgreSQL server with")
def prove(context: Current, asking: Host, body: ProofsRequest) -> ProofsReply:
    """Issue short-lived certificates in a name of the CA's choice, and revoke one of them."""
    request = body.csr.encode()
    csr.read(request)  # a bad request must not count
    name = proofs.new_name(body.domain)
    now = context.monotonic()
    context.limits.server_proof(asking.actor, now)
    for _ in Variant:
        context.limits.issuing(asking.actor, now)
    context.authority.refresh()
    issued = context.authority.issue_proofs(request, name)
    _record(context, asking, name, issued)
    return ProofsReply(
        name=name,
        certificates={variant: pem.text(each.certificate) for variant, each in issued.items()},
        chain=[pem.text(each) for each in issued[Variant.VALID].chain],
    )


def _record(context: Context, host: Machine, name: str, issued: dict[Variant, Issued]) -> None:
    """Revoke what is to be, and put on record who got what; raise DeniedError."""
    with context.acts.act(host.actor, "proof.issue", name) as act:
        found = machines.find(act.transaction.connection, host.kind, host.name)
        if found is None or found.enrolled_at != host.enrolled_at:
            raise DeniedError("the machine was removed or replaced meanwhile")
        wanted = CertificateFilter(serial=issued[Variant.REVOKED].serial_hex)
        reason = Reason.cessation_of_operation
        context.revoker.revoke(act.transaction, wanted, now=context.now(), reason=reason)
        act.details |= {variant.value: each.serial_hex for variant, each in issued.items()}
