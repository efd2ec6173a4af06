"""PostgreSQL hosts, as administrators see them."""

from cryptography import x509
from pydantic import BaseModel

from pgward.ca.access import account_certificates
from pgward.ca.identity import machines
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.records import Kind
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Revoked, Time

router = strict.router("machines: administration")


class HostInfo(BaseModel):
    """A PostgreSQL host; ``not_after`` is when its newest certificate ends."""

    name: str
    dns: list[str]
    ips: list[str]
    enrolled_at: Time
    last_seen_at: Time | None
    not_after: Time | None


class Hosts(BaseModel):
    """All PostgreSQL hosts, by name."""

    hosts: list[HostInfo]


@router.get("/hosts", summary="List PostgreSQL hosts")
def every(context: Current, _by: Administrator) -> Hosts:
    """Return the hosts that enrolled, and when each last asked for something."""
    with context.store.read() as connection:
        found = machines.hosts(connection)
        ends = machines.expiries(connection, Kind.HOST)
    return Hosts(
        hosts=[
            HostInfo(
                name=host.name,
                dns=list(host.dns),
                ips=list(host.ips),
                enrolled_at=host.enrolled_at,
                last_seen_at=host.last_seen_at,
                not_after=ends.get(host.name),
            )
            for host in found
        ]
    )


@router.delete("/hosts/{name}", summary="Remove a PostgreSQL host")
def remove(context: Current, by: Administrator, name: str) -> Revoked:
    """Forget a host and revoke its certificates; rotations wait for it no more."""
    return removed(context, by, Kind.HOST, name)


def removed(context: Context, by: LoginSession, kind: Kind, name: str) -> Revoked:
    """Forget a machine of a kind, as an act of its own."""
    with context.acts.act(by.user.name, f"{kind.value}.remove", name) as act:
        now = context.now()
        serials = context.revoker.remove_machine(act.transaction, kind, name, now=now)
        serials += account_certificates.revoke(
            act.transaction,
            context.revoker,
            (kind, name),
            now=now,
            reason=x509.ReasonFlags.cessation_of_operation,
        )
        act.details["revoked"] = len(serials)
    return Revoked(revoked=len(serials))
