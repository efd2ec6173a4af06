"""What PostgreSQL hosts ask for: who may log in there as which role."""

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Query
from pydantic import BaseModel

from pgward.ca.identity import machines
from pgward.ca.identity.machines import Machine
from pgward.ca.service import strict
from pgward.ca.service.auth import Host
from pgward.ca.service.context import Context, Current

router = strict.router("machines")
_DIGEST = r"^[0-9a-f]{64}$"


class HostRoles(BaseModel):
    """Who may log in as which role on the host that asks; ``maps`` is empty without a role map."""

    maps: list[str]
    people: list[dict[str, Any]]
    left: list[str]
    drop: str
    max_removed_percent: int
    notes: list[str]


class HostRolesReply(BaseModel):
    """The roles with their digest; they are left out when it is the one at hand."""

    version: int
    digest: str
    roles: HostRoles | None


@router.get("/host/roles", summary="Wait for who is who on this host")
async def roles(
    context: Current,
    host: Host,
    after: Annotated[int, Query(ge=0, le=2**62, description="the version at hand")] = 0,
    wait: Annotated[float, Query(ge=0, le=30, description="seconds")] = 0,
    have: Annotated[str | None, Query(pattern=_DIGEST, description="the digest at hand")] = None,
) -> HostRolesReply:
    """Return the roles as soon as the version is above ``after`` (long poll), or time is over."""
    await run_sync(_seen, context, host)
    if wait:
        await context.changes.wait(after, wait)
    found = dict(await run_sync(context.host_roles.get, host.name))
    version, digest = found.pop("version"), found.pop("digest")
    told = None if digest == have else HostRoles(**found)
    return HostRolesReply(version=version, digest=digest, roles=told)


def _seen(context: Context, host: Machine) -> None:
    now = context.now()
    if machines.seen_needs_writing(host, None, now):
        with context.store.write() as transaction:
            machines.seen(transaction, host, None, now)
