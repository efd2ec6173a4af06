"""Join tokens for machines."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, Field

from pgward.ca.identity import tokens
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator
from pgward.ca.service.context import Current
from pgward.ca.service.models import Body, Name, Time
from pgward.core.clock import rfc3339

router = strict.router("machines: administration")
Names = Annotated[list[Name], Field(max_length=50)]


class TokenRequest(Body):
    """A machine that shall join, and the names for its certificate."""

    kind: Annotated[Name, Field(json_schema_extra={"enum": list(tokens.MACHINES)})]
    name: Name
    dns: Names = Field(default_factory=list)
    ips: Names = Field(default_factory=list)
    ttl_seconds: Annotated[int, Field(ge=60, le=7 * 24 * 3600)] = 3600


class TokenReply(BaseModel):
    """A join token, to be used once; it is shown only now."""

    token: str
    expires_at: Time


@router.post("/tokens", summary="Make a join token", status_code=201)
def create(context: Current, by: Administrator, body: TokenRequest) -> TokenReply:
    """Make a token for one machine; without names, its own name is certified."""
    with context.acts.act(by.user.name, "token.create", f"{body.kind}:{body.name}") as act:
        token = tokens.JoinToken.checked(body.kind, body.name, body.dns, body.ips)
        secret, expires_at = tokens.create(
            act.transaction,
            token,
            lifetime=timedelta(seconds=body.ttl_seconds),
            now=context.now(),
            by=by.user.name,
        )
        act.details |= {
            "dns": list(token.dns),
            "ips": list(token.ips),
            "expires_at": rfc3339(expires_at),
        }
    authority = context.authority
    text = tokens.write(authority.settings.ca.url, authority.fingerprint, secret)
    return TokenReply(token=text, expires_at=expires_at)
