"""External account keys and accounts of the ACME server, as administrators see them."""

from datetime import timedelta
from typing import Annotated

from fastapi import Request
from pydantic import BaseModel, Field

from pgward.ca.acme import accounts, documents, eab_keys, issued
from pgward.ca.acme.accounts import Account
from pgward.ca.acme.eab_keys import EabKey, NewEabKey
from pgward.ca.acme.identifiers import Allowed
from pgward.ca.acme.service import AcmeService
from pgward.ca.acme.states import Account as State
from pgward.ca.acts import Act
from pgward.ca.revoking.revocation import Reason
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body, Flag, Name, Time
from pgward.ca.store.certificates import CertificateFilter
from pgward.core.clock import rfc3339
from pgward.core.errors import UnavailableError
from pgward.pki import jws as base64url

router = strict.router("acme")
_Names = Annotated[list[Name], Field(max_length=50)]


class NewKey(Body):
    """A key for hosts that may ask for these names; a pattern may begin with ``*.``."""

    name: Name
    dns: _Names = Field(default_factory=list)
    ips: _Names = Field(default_factory=list)
    uses: Annotated[int, Field(ge=1, le=eab_keys.MAX_USES)] = 1
    ttl_seconds: Annotated[int, Field(ge=60, le=366 * 24 * 3600)] = 7 * 24 * 3600
    pre_authorized: Flag = False


class KeyInfo(BaseModel):
    """A key without its secret."""

    name: str
    kid: str
    state: str
    dns: list[str]
    ips: list[str]
    pre_authorized: bool
    uses: int
    used: int
    created_at: Time
    created_by: str
    expires_at: Time


class MadeKey(KeyInfo):
    """A new key; its secret is shown only now."""

    hmac_key: str
    directory: str


class Keys(BaseModel):
    """All keys, by name."""

    keys: list[KeyInfo]


class AccountInfo(BaseModel):
    """An account of a client; ``key`` is the name of its external account key."""

    id: str
    status: str
    key: str | None
    contact: list[str]
    client: str | None
    created_at: Time


class Accounts(BaseModel):
    """Accounts, the newest first."""

    accounts: list[AccountInfo]


class EndRequest(Body):
    """Whether what was issued is to be revoked, too."""

    certificates: Flag = False


class Ended(BaseModel):
    """How many accounts ended, and how many certificates were revoked with them."""

    accounts: int
    revoked: int


@router.post("/acme/keys", summary="Make an external account key", status_code=201)
def create(context: Current, request: Request, by: Administrator, body: NewKey) -> MadeKey:
    """Make a key with which a client makes an account; without names, its own name is one."""
    service = _service(request)
    dns = body.dns if body.dns or body.ips else [body.name]
    with context.acts.act(by.user.name, "acme.key.create", body.name) as act:
        new = NewEabKey(
            body.name,
            Allowed.checked(dns, body.ips),
            pre_authorized=body.pre_authorized,
            uses=body.uses,
            lifetime=timedelta(seconds=body.ttl_seconds),
        )
        made = eab_keys.create(act.transaction, new, now=context.now(), by=by.user.name)
        act.details |= {
            "kid": made.kid,
            "dns": list(made.allowed.dns),
            "ips": list(made.allowed.ips),
            "uses": made.uses,
            "pre_authorized": made.pre_authorized,
            "expires_at": rfc3339(made.expires_at),
        }
    return MadeKey(
        **_key(context, made).model_dump(),
        hmac_key=base64url.encode(service.office.master.eab_secret(made.kid)),
        directory=documents.Links(context.authority.settings.ca.url).of("directory"),
    )


@router.get("/acme/keys", summary="List external account keys")
def every(context: Current, _by: Administrator) -> Keys:
    """Return the keys, without their secrets."""
    with context.store.read() as connection:
        return Keys(keys=[_key(context, each) for each in eab_keys.every(connection)])


@router.post("/acme/keys/{name}/revoke", summary="Revoke an external account key")
def revoke(context: Current, by: Administrator, name: str, body: EndRequest) -> Ended:
    """End a key and the accounts that were made with it; on request their certificates too."""
    with context.acts.act(by.user.name, "acme.key.revoke", name) as act:
        key, ids = eab_keys.revoke(act.transaction, name, context.now())
        revoked = _revoke(context, act, ids) if body.certificates else 0
        act.worth_recording = key.revoked_at is None or revoked > 0
        act.details |= {"accounts": len(ids), "revoked": revoked}
    return Ended(accounts=len(ids), revoked=revoked)


@router.get("/acme/accounts", summary="List ACME accounts")
def list_accounts(context: Current, _by: Administrator) -> Accounts:
    """Return at most 1,000 accounts, the newest first."""
    with context.store.read() as connection:
        return Accounts(accounts=[_account(each) for each in accounts.every(connection)])


@router.post("/acme/accounts/{account_id}/revoke", summary="Revoke an ACME account")
def revoke_account(context: Current, by: Administrator, account_id: str, body: EndRequest) -> Ended:
    """End one account; on request revoke its certificates too."""
    with context.acts.act(by.user.name, "acme.account.revoke", account_id) as act:
        found = accounts.get(act.transaction.connection, account_id)
        ends = found.status is State.VALID
        if ends:
            accounts.update(act.transaction, found.id, status=State.REVOKED)
        revoked = _revoke(context, act, [found.id]) if body.certificates else 0
        act.worth_recording = ends or revoked > 0
        act.details |= {"owner": found.actor, "revoked": revoked}
    return Ended(accounts=int(ends), revoked=revoked)


def _service(request: Request) -> AcmeService:
    found: AcmeService | None = request.app.state.acme
    if found is None:
        raise UnavailableError(
            "the ACME server is switched off",
            hint="see enabled in [acme] of pgward.toml, and the log of ca serve",
        )
    return found


def _revoke(context: Context, act: Act, account_ids: list[str]) -> int:
    now = context.now()
    serials = issued.living(act.transaction.connection, account_ids, now)
    for serial in serials:
        context.revoker.revoke(
            act.transaction,
            CertificateFilter(serial=serial),
            now=now,
            reason=Reason.privilege_withdrawn,
        )
    return len(serials)


def _key(context: Context, found: EabKey) -> KeyInfo:
    return KeyInfo(
        name=found.name,
        kid=found.kid,
        state=found.state(context.now()),
        dns=list(found.allowed.dns),
        ips=list(found.allowed.ips),
        pre_authorized=found.pre_authorized,
        uses=found.uses,
        used=found.used,
        created_at=found.created_at,
        created_by=found.created_by,
        expires_at=found.expires_at,
    )


def _account(found: Account) -> AccountInfo:
    return AccountInfo(
        id=found.id,
        status=found.status,
        key=found.eab.name if found.eab else None,
        contact=list(found.contact),
        client=found.client,
        created_at=found.created_at,
    )
