"""One-time passwords and tokens, as people ask for them and end them."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, Field

from pgward.ca.handles import one_time, tokens
from pgward.ca.handles.tokens import Listed
from pgward.ca.handles.wishes import Wish
from pgward.ca.identity import directory
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator, Person
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body, Change, Name, Time
from pgward.core.clock import rfc3339

router = strict.router("people")


class ForService(Body):
    """The service that it is for, and what is wanted there; a role is in the user name later."""

    service: Name
    role: Name | None = None
    database: Name | None = None

    @property
    def wish(self) -> Wish:
        """What is wanted there."""
        return Wish(self.role, self.database)


class OneTimePassword(BaseModel):
    """A one-time password; it is shown only now."""

    otp: str
    service: str
    expires_at: Time


class TokenRequest(ForService):
    """And for how long; it ends with the login session at the latest."""

    hours: Annotated[int, Field(ge=1, le=24 * 7)] = 8


class NewToken(BaseModel):
    """A token with its secret, which is shown only now."""

    id: str
    secret: str
    service: str
    expires_at: Time


class TokenInfo(BaseModel):
    """A token that counts."""

    id: str
    service: str
    created_at: Time
    expires_at: Time
    last_used_at: Time | None
    last_client: str | None

    @classmethod
    def of(cls, token: Listed) -> "TokenInfo":
        """Show it."""
        return cls(**{name: getattr(token, name) for name in cls.model_fields})


class Tokens(BaseModel):
    """A person's tokens that count, the newest first."""

    tokens: list[TokenInfo]


@router.post("/me/otp", summary="Make a one-time password", status_code=201)
def new_otp(context: Current, session: Person, body: ForService) -> OneTimePassword:
    """Make one for a service; it is good once, for minutes."""
    with context.acts.act(session.user.name, "otp.create", body.service) as act:
        text, expires_at = one_time.create(
            act.transaction, session, body.service, wish=body.wish, now=context.now()
        )
        act.details |= {"session": session.id, "expires_at": rfc3339(expires_at)}
    return OneTimePassword(otp=text, service=body.service, expires_at=expires_at)


@router.post("/me/tokens", summary="Make a token", status_code=201)
def new_token(context: Current, session: Person, body: TokenRequest) -> NewToken:
    """Make a token for a service: for clients that know nothing but a user name and a password."""
    with context.acts.act(session.user.name, "access-token.create", body.service) as act:
        made = tokens.create(
            act.transaction,
            session,
            body.service,
            wish=body.wish,
            lifetime=timedelta(hours=body.hours),
            now=context.now(),
        )
        expires_at = rfc3339(made.expires_at)
        act.details |= {"token": made.id, "session": session.id, "expires_at": expires_at}
    return NewToken(
        id=made.id, secret=made.secret, service=body.service, expires_at=made.expires_at
    )


@router.get("/me/tokens", summary="List one's tokens")
def mine(context: Current, session: Person) -> Tokens:
    """Return the own tokens that count."""
    return _listed(context, session.user.name)


@router.delete("/me/tokens/{token_id}", summary="Revoke one's token")
def revoke_mine(context: Current, session: Person, token_id: str) -> Change:
    """Have an own token count no more; what runs on it ends."""
    return _revoked(context, session.user.name, token_id, by=session.user.name)


@router.get("/users/{name}/tokens", summary="List a person's tokens")
def of_person(context: Current, _by: Administrator, name: str) -> Tokens:
    """Return a person's tokens that count."""
    with context.store.read() as connection:
        user = directory.get(connection, name)
    return _listed(context, user.name)


@router.delete("/users/{name}/tokens/{token_id}", summary="Revoke a person's token")
def revoke(context: Current, by: Administrator, name: str, token_id: str) -> Change:
    """Have a person's token count no more; what runs on it ends."""
    with context.store.read() as connection:
        user = directory.get(connection, name)
    return _revoked(context, user.name, token_id, by=by.user.name)


def _listed(context: Context, user: str) -> Tokens:
    with context.store.read() as connection:
        found = tokens.living(connection, user, context.now())
    return Tokens(tokens=[TokenInfo.of(each) for each in found])


def _revoked(context: Context, user: str, token_id: str, *, by: str) -> Change:
    with context.acts.act(by, "access-token.revoke", token_id) as act:
        tokens.revoke(act.transaction, user, token_id, now=context.now(), by=by)
        act.details |= {"user": user}
    return Change(change="deleted")
