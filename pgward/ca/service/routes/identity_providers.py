"""Identity providers: administering them, and what they themselves tell us."""

from typing import Annotated, Any
from urllib.parse import parse_qs

from anyio.to_thread import run_sync
from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, SecretStr

from pgward.ca.identity import external, provider_secrets
from pgward.ca.login import way_back
from pgward.ca.login.ldap import checks as ldap_checks
from pgward.ca.login.oidc import administering, checks, logout
from pgward.ca.login.oidc.checks import Check
from pgward.ca.login.oidc.errors import UntrustedError
from pgward.ca.resources import stored as resources
from pgward.ca.resources.identity_provider import IdentityProvider
from pgward.ca.resources.oidc_provider import OidcSpec
from pgward.ca.resources.stored import Resource
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body, Change, Flag, Name, Revoked, Storable, Text, Time
from pgward.core.errors import DeniedError, InvalidInputError

router = strict.router("identity providers")
Secret = Annotated[SecretStr, Field(min_length=1, max_length=4096)]
Subject = Annotated[str, Field(min_length=1, max_length=255), Storable]
_FORM = "application/x-www-form-urlencoded"
_MAX_FIELDS = 10
_TOKEN_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            _FORM: {
                "schema": {
                    "type": "object",
                    "required": ["logout_token"],
                    "properties": {"logout_token": {"type": "string"}},
                }
            }
        },
    }
}


class ProviderRequest(Body):
    """A provider to add; what its spec leaves open is filled in by what the provider can do."""

    name: Name
    description: Text = ""
    spec: dict[str, Any]
    secret: Secret | None = None
    dry_run: Flag = False


class SecretRequest(Body):
    """A client's secret."""

    secret: Secret


class LinkRequest(Body):
    """Who a subject of the provider is here."""

    user: Name
    subject: Subject


class OAuthError(BaseModel):
    """An error as OAuth 2.0 has it (RFC 6749 section 5.2)."""

    error: str
    error_description: str


class CheckInfo(BaseModel):
    """One thing that was looked at: `ok`, `warning` or `failed`."""

    name: str
    verdict: str
    detail: str


class Checks(BaseModel):
    """What the provider answered."""

    checks: list[CheckInfo]


class ProviderReply(Checks):
    """A provider, and what must be registered there."""

    resource: dict[str, Any]
    register_: Annotated[dict[str, Any], Field(serialization_alias="register")]


class LinkInfo(BaseModel):
    """Who a person is at the provider, and which groups it gave."""

    user: str
    subject: str
    groups: list[str]
    linked_at: Time
    linked_by: str
    last_login_at: Time | None
    confirmed_at: Time | None


class ProviderDetail(BaseModel):
    """A provider with its people."""

    resource: dict[str, Any]
    has_secret: bool
    register_: Annotated[dict[str, Any], Field(serialization_alias="register")]
    people: list[LinkInfo]


@router.post("/identity-providers", summary="Add an identity provider", status_code=201)
async def add(context: Current, by: Administrator, body: ProviderRequest) -> ProviderReply:
    """Ask the provider what it can do, check that it works, and store it.

    One that cannot be used is not stored (`checks` of the error's message says why).
    """
    office = context.oidc
    secret = None if body.secret is None else body.secret.get_secret_value()
    wanted = administering.read(body.name, body.description, body.spec)
    name = wanted.metadata.name
    trying = office.providers.make(name, _openid(wanted), secret)
    full = checks.completed(body.spec, await trying.provider.metadata())
    wanted = administering.read(name, body.description, full)
    trying = office.providers.make(name, _openid(wanted), secret)
    found = await checks.look(trying.provider)
    failed = [each for each in found if each.verdict == "failed"]
    if failed:
        raise DeniedError(
            f"the identity provider cannot be used: {failed[0].name}: {failed[0].detail}",
            hint="correct it there, or the options here, and try again",
        )
    if body.dry_run:
        shown = {"kind": administering.KIND, "metadata": {"name": name}, "spec": full}
    else:
        stored = await run_sync(administering.add, office, wanted, secret, by.user.name)
        shown = stored.to_json()
    told = _registered(context, _openid(wanted), name)
    return ProviderReply(checks=_shown(found), resource=shown, register_=told)


@router.get("/identity-providers/{name}", summary="Show an identity provider and its people")
def show(context: Current, _by: Administrator, name: str) -> ProviderDetail:
    """Return a provider; its secret is never shown."""
    with context.store.read() as connection:
        found = resources.get(connection, administering.KIND, name)
        people = [
            _link(each, external.given_groups(connection, name, each.user))
            for each in external.links(connection, name)
        ]
        has_secret = provider_secrets.changed_at(connection, name) is not None
    told = _register(context, found)
    return ProviderDetail(
        resource=found.to_json(), has_secret=has_secret, register_=told, people=people
    )


@router.delete("/identity-providers/{name}", summary="Remove an identity provider")
def remove(context: Current, by: Administrator, name: str) -> Revoked:
    """Remove a provider with its secret; logins that it vouched for end, people stay."""
    return Revoked(revoked=administering.remove(context.oidc, name, by.user.name)["revoked"])


@router.post("/identity-providers/{name}/test", summary="Ask an identity provider whether it works")
async def test(context: Current, _by: Administrator, name: str) -> Checks:
    """Ask the provider anew all that can be asked without a person."""
    if await run_sync(_type, context, name) == "ldap":
        found = await run_sync(context.directories.get, name)
        return Checks(checks=_shown(await ldap_checks.look(found.directory, found.spec)))
    known = await run_sync(context.oidc.providers.get, name)
    secret = await run_sync(_secret, context, name)
    fresh = context.oidc.providers.make(name, known.spec, secret)
    return Checks(checks=_shown(await checks.look(fresh.provider)))


@router.put("/identity-providers/{name}/secret", summary="Store a client's secret")
def set_secret(context: Current, by: Administrator, name: str, body: SecretRequest) -> Change:
    """Store another secret, encrypted; it holds from the next login on."""
    administering.set_secret(context.oidc, name, body.secret.get_secret_value(), by.user.name)
    return Change(change="updated")


@router.post("/identity-providers/{name}/links", summary="Say who a subject is", status_code=201)
def link(context: Current, by: Administrator, name: str, body: LinkRequest) -> LinkInfo:
    """Have a subject of the provider log in as a person who exists."""
    made = administering.link(context.oidc, name, body.subject, body.user, by.user.name)
    return _link(made, set())


@router.delete("/identity-providers/{name}/links/{user}", summary="Forget who somebody is there")
def unlink(context: Current, by: Administrator, name: str, user: str) -> Revoked:
    """Forget a person's subject; logins that the provider vouched for end."""
    return Revoked(revoked=administering.unlink(context.oidc, name, user, by.user.name))


@router.post(
    "/login/oidc/{name}/backchannel-logout",
    summary="End logins, as an identity provider",
    response_class=Response,
    responses={400: {"model": OAuthError, "description": "the token is not believed"}},
    openapi_extra=_TOKEN_FORM,
)
async def backchannel_logout(context: Current, name: str, request: Request) -> Response:
    """Take a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.5)."""
    try:
        token = _logout_token(request, await request.body())
        await logout.log_out(context.oidc, name, token)
    except (UntrustedError, InvalidInputError) as error:
        told = OAuthError(error="invalid_request", error_description=error.message)
        return JSONResponse(told.model_dump(), status_code=400)
    return Response(status_code=200)


def _logout_token(request: Request, body: bytes) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        fields = parse_qs(
            body.decode("ascii"), max_num_fields=_MAX_FIELDS, errors="strict", strict_parsing=True
        )
    except ValueError:
        fields = {}
    if kind != _FORM or len(fields.get("logout_token", [])) != 1:
        raise InvalidInputError("there is not one logout_token in a form")
    return fields["logout_token"][0]


def _type(context: Context, name: str) -> object:
    with context.store.read() as connection:
        return resources.get(connection, administering.KIND, name).spec.get("type")


def _secret(context: Context, name: str) -> str | None:
    with context.store.read() as connection:
        return provider_secrets.find(connection, context.oidc.desk.sealer, name)


def _openid(wanted: IdentityProvider) -> OidcSpec:
    if not isinstance(wanted.spec, OidcSpec):
        raise InvalidInputError(
            f"this is for OpenID providers, not {wanted.spec.type}", hint="pgward apply -f FILE"
        )
    return wanted.spec


def _register(context: Context, found: Resource) -> dict[str, Any]:
    if found.spec.get("type") != "oidc":
        return {}
    spec = _openid(administering.read(found.name, "", found.spec))
    return _registered(context, spec, found.name)


def _registered(context: Context, spec: OidcSpec, name: str) -> dict[str, Any]:
    settings = context.authority.settings
    return checks.register(spec, name, settings.ca.url, way_back.own(settings))


def _shown(found: list[Check]) -> list[CheckInfo]:
    return [CheckInfo(name=each.name, verdict=each.verdict, detail=each.detail) for each in found]


def _link(made: external.Link, groups: set[str]) -> LinkInfo:
    return LinkInfo(
        user=made.user,
        subject=made.subject,
        groups=sorted(groups),
        linked_at=made.linked_at,
        linked_by=made.linked_by,
        last_login_at=made.last_login_at,
        confirmed_at=made.confirmed_at,
    )
