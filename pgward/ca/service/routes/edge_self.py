"""What an edge asks for sessions whose PostgreSQL it speaks: who comes in, and how it gets out."""

from base64 import b64encode
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, Field

from pgward.ca.handles import facts, logins, minting, one_time, tokens
from pgward.ca.handles.logins import Login
from pgward.ca.handles.minting import Grounds, Wanted
from pgward.ca.handles.tokens import Token
from pgward.ca.identity.machines import Machine
from pgward.ca.issuing.issuance import Issued
from pgward.ca.secrets import kept
from pgward.ca.service import replies, strict
from pgward.ca.service.auth import Edge
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body, Change, MintReply, Name, Request, Storable, Time
from pgward.core.errors import DeniedError, PgwardError

router = strict.router("machines", prefix=f"{strict.PREFIX}/edges/self")
_MOST_ASKED = 1000
Client = Annotated[str, Field(max_length=100), Storable]
Ids = Annotated[list[Annotated[str, Field(max_length=64), Storable]], Field(max_length=_MOST_ASKED)]
Serial = Annotated[str, Field(pattern="^[0-9a-f]{1,40}$")]


class LoginReply(BaseModel):
    """Who comes without a certificate; ``method`` and ``factors`` are the login session's."""

    user: str
    service: str
    session: str
    session_ends: Time
    method: str
    factors: list[str]
    device: str | None

    @classmethod
    def of(cls, login: Login) -> "LoginReply":
        """Show it."""
        return cls(
            user=login.user,
            service=login.service,
            session=login.session_id,
            session_ends=login.session_ends,
            method=login.method,
            factors=list(login.factors),
            device=login.device_id,
        )


class RedeemRequest(Body):
    """A one-time password by its SHA-256 (hex), and who showed it."""

    otp_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    client: Client | None = None
    service: Name | None = None


class TokenReply(LoginReply):
    """A token: what its secret is verified by, and until when it begins sessions.

    ``seen_lately``: nobody needs to hear of another use now.
    """

    verifier: str
    expires_at: Time
    seen_lately: bool


class TokenUse(Body):
    """From where somebody came who proved to have a token's secret."""

    client: Client | None = None


class LoginsRequest(Body):
    """Login sessions and tokens that database sessions rest on."""

    sessions: Ids = Field(default_factory=list)
    tokens: Ids = Field(default_factory=list)


class LoginsReply(BaseModel):
    """Which of them count no more, and why of each."""

    over: dict[str, str]


class DeviceReply(BaseModel):
    """A device: whether it is approved, and what it says of itself."""

    id: str
    approved: bool
    posture: dict[str, Any]


class LoginFactsReply(BaseModel):
    """What rules may look at of somebody's login; what is not known is empty, or null."""

    email: str
    factors: list[str]
    device: DeviceReply | None


class SecretReply(BaseModel):
    """A secret in base64."""

    name: str
    version: int
    value: str


class MintRequest(Body):
    """A key, and for whom; ``role`` is whom the edge logs in as."""

    service: Name
    user: Name
    role: Name
    csr: Request
    seconds: Annotated[int, Field(ge=60, le=15 * 60)] = 300
    session: Annotated[str, Field(max_length=64), Storable] | None = None
    serial: Serial | None = None


@router.post("/otp/redeem", summary="Use a one-time password up")
def redeem(context: Current, edge: Edge, body: RedeemRequest) -> LoginReply:
    """Tell whose it is, exactly once; a refusal leaves it as it is."""
    try:
        login = _redeemed(context, edge, body)
    except DeniedError as error:
        _guessed(context, edge, body.client, "otp.redeem", None, error)
        raise
    return LoginReply.of(login)


@router.get("/tokens/{token_id}", summary="Look a token up")
def token(
    context: Current,
    edge: Edge,
    token_id: Annotated[str, Path(max_length=64)],
    client: Annotated[Client | None, Query(description="the address that shows it")] = None,
) -> TokenReply:
    """Tell whose it is, and by what its secret is verified: nobody has proved to have that yet."""
    now = context.now()
    found = _token(context, edge, token_id, client)
    return TokenReply(
        **dict(LoginReply.of(found.login)),
        verifier=found.verifier,
        expires_at=found.expires_at,
        seen_lately=tokens.is_seen_lately(found, now),
    )


@router.post("/tokens/{token_id}/uses", summary="Tell that a token was used")
def token_used(
    context: Current,
    edge: Edge,
    token_id: Annotated[str, Path(max_length=64)],
    body: TokenUse,
) -> Change:
    """Note when and from where somebody came with a token and its secret, for its owner to see."""
    now = context.now()
    found = _token(context, edge, token_id, body.client)
    if tokens.is_seen_lately(found, now):
        return Change(change="unchanged")
    with context.store.write() as transaction:
        tokens.seen(transaction, found, body.client, now)
    return Change(change="updated")


@router.post("/logins", summary="Ask whose logins still count")
def standing(context: Current, _edge: Edge, body: LoginsRequest) -> LoginsReply:
    """Return which login sessions and tokens were ended; time alone ends none."""
    with context.store.read() as connection:
        over = logins.over(connection, body.sessions, body.tokens, context.now())
    return LoginsReply(over=over)


@router.get("/login", summary="Ask what rules may know of somebody's login")
def login_facts(  # noqa: PLR0917 - FastAPI passes them by name
    context: Current,
    edge: Edge,
    service: Annotated[Name, Query(description="the service that is asked for")],
    user: Annotated[Name, Query(description="the person")],
    session: Annotated[str | None, Query(max_length=64, description="the login session")] = None,
    serial: Annotated[Serial | None, Query(description="or the login certificate")] = None,
) -> LoginFactsReply:
    """Return the factors and the device of a login, for a service that this edge serves."""
    asked = facts.Asked(service, user, session, serial)
    with context.store.read() as connection:
        found = facts.find(connection, asked, edge=edge.name, now=context.now())
    device = None
    if found.device_id is not None:
        device = DeviceReply(
            id=found.device_id, approved=found.device_approved, posture=dict(found.posture)
        )
    return LoginFactsReply(email=found.email, factors=list(found.factors), device=device)


@router.get("/secrets/{name}", summary="Get a secret")
def secret(
    context: Current,
    edge: Edge,
    name: Annotated[str, Path(max_length=63)],
    refused: Annotated[
        int | None, Query(ge=1, le=2**31 - 1, description="a version that was of no use")
    ] = None,
) -> SecretReply:
    """Return a secret that a service refers to which this edge serves; it is put on record.

    Where PostgreSQL refused the one in use, and it is being changed, it is the one to come.
    """
    sealer = context.desk.sealer
    with context.acts.act(edge.actor, "secret.read", name) as act:
        services = kept.served(act.transaction.connection, edge.name, name)
        if not services:
            raise DeniedError(
                "this edge serves no service that refers to such a secret",
                hint="look at fromSecret in the service: pgward get service NAME",
            )
        found = kept.read_after(act.transaction.connection, sealer, name, refused)
        act.details |= {"version": found.version, "services": services[:20]}
    value = b64encode(found.value).decode("ascii")
    return SecretReply(name=found.name, version=found.version, value=value)


@router.post("/certificates", summary="Get a certificate in a person's name")
def mint(context: Current, edge: Edge, body: MintRequest) -> MintReply:
    """Issue one with which the edge logs in to PostgreSQL for a person who is logged in."""
    # For each person apart: an edge asks for all who use it.
    context.limits.issuing(f"{edge.actor} for {body.user[:63].lower()}", context.monotonic())
    try:
        grounds, issued = _minted(context, edge, body)
    except PgwardError as error:
        details = {"service": body.service, "role": body.role}
        context.acts.refused(edge.actor, "certificate.mint", body.user, error, details)
        raise
    with context.acts.act(edge.actor, "certificate.mint", issued.serial_hex) as act:
        act.details |= {
            "service": body.service,
            "user": grounds.user,
            "role": body.role,
            "session": grounds.session_id,
        }
    reply = replies.certificate(context.authority, issued)
    return MintReply(**dict(reply), issued_at=context.now())


def _redeemed(context: Context, edge: Machine, body: RedeemRequest) -> Login:
    asked: dict[str, Any] = {"edge": edge.name, "service": body.service, "now": context.now()}
    with context.store.read() as connection:  # no writer waits for a guess
        one_time.find(connection, body.otp_sha256, **asked)
    with context.acts.unrecorded(edge.actor, "otp.redeem") as act:
        login = one_time.redeem(act.transaction, body.otp_sha256, **asked)
        act.target = login.service
        act.details |= {"user": login.user, "session": login.session_id, "from": body.client}
    return login


def _token(context: Context, edge: Machine, token_id: str, client: str | None) -> Token:
    try:
        with context.store.read() as connection:
            return tokens.find(connection, token_id, edge=edge.name, now=context.now())
    except DeniedError as error:
        _guessed(context, edge, client, "access-token.use", token_id, error)
        raise


def _guessed(  # noqa: PLR0917 - what goes on record
    context: Context,
    edge: Machine,
    client: str | None,
    action: str,
    target: str | None,
    error: DeniedError,
) -> None:
    """Count a wrong one; raise TooManyRequestsError where there were too many.

    Only wrong ones are slowed down: behind a balancer all clients of an edge have one address.
    """
    now = context.monotonic()
    context.guesses.begin(edge.name, client, now)
    if context.guesses.failed(edge.name, client, now):
        context.acts.refused(edge.actor, action, target, error, {"from": client})


def _minted(context: Context, edge: Machine, body: MintRequest) -> tuple[Grounds, Issued]:
    wanted = Wanted(body.service, body.user, body.role, body.session, body.serial)
    with context.store.read() as connection:
        grounds = minting.find(connection, wanted, edge=edge.name, now=context.now())
    issued = context.authority.begin_minted(
        body.csr.encode(),
        user=grounds.user,
        session_id=grounds.session_id,
        session_ends=grounds.session_ends,
        rules=context.rule_book.for_person(grounds.user).certificate,
        lifetime=min(timedelta(seconds=body.seconds), grounds.lifetime),
    )
    return grounds, issued.result()
