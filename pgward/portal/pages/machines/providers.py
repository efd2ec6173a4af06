"""``/admin/identity-providers``: where people sign in besides here, tried out and added."""

from collections.abc import Mapping
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Response
from pydantic import Field, SecretStr

from pgward.ca.login import way_back
from pgward.ca.service import errors
from pgward.ca.service.routes import identity_providers, resources
from pgward.ca.service.routes.identity_providers import CheckInfo, ProviderReply
from pgward.client import idp_spec
from pgward.core.errors import InvalidInputError, PgwardError
from pgward.portal.pages.machines.common import (
    REFUSALS,
    Line,
    Lines,
    Name,
    Word,
    listed,
    unknown_act,
)
from pgward.portal.pages.resources import kind_words
from pgward.portal.web import forms, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Administrator, Frame

router = route.router()
PAGE = "/admin/identity-providers"
_KIND = "IdentityProvider"
_Secret = Annotated[SecretStr, Field(max_length=4096)]


class NewProvider(Form):
    """An OpenID provider, and what its claims mean here; ``act`` is ``try`` or ``add``."""

    act: Word = "try"
    name: Word = ""
    description: Line = ""
    issuer: Annotated[str, Field(max_length=2000)] = ""
    client_id: Line = ""
    secret: _Secret = SecretStr("")
    user_claim: Line = ""
    strip_domains: Lines = ""
    groups_claim: Line = ""
    group_map: Lines = ""
    allow_groups: Lines = ""
    second_factor: Lines = ""
    create_users: bool = False
    link_existing: bool = False
    ca: Lines = ""

    def spec(self) -> dict[str, Any]:
        """Return the provider's spec without what was left empty; raise InvalidInputError."""
        factors: dict[str, list[str]] = {}
        for claim, value in _pairs(self.second_factor, "amr=mfa"):
            factors.setdefault(claim, []).append(value)
        found = {
            "issuer": self.issuer.strip(),
            "clientId": self.client_id.strip(),
            "userClaim": self.user_claim.strip(),
            "stripDomains": listed(self.strip_domains),
            "groupsClaim": self.groups_claim.strip(),
            "groupMap": dict(_pairs(self.group_map, "their-admins=administrators")),
            "allowGroups": _lines(self.allow_groups),
            "secondFactor": factors,
            "createUsers": self.create_users,
            "linkExisting": self.link_existing,
            "ca": self.ca.strip(),
        }
        return {"type": "oidc", **{key: value for key, value in found.items() if value}}

    def body(self) -> identity_providers.ProviderRequest:
        """Return it as the API takes it."""
        given: dict[str, Any] = {
            "name": self.name.strip(),
            "description": self.description.strip(),
            "spec": self.spec(),
            "dry_run": self.act != "add",
        }
        if self.secret.get_secret_value():
            given["secret"] = self.secret.get_secret_value()
        return forms.checked(identity_providers.ProviderRequest, given)


class Act(Form):
    """What is done with a provider, or with who somebody is there."""

    act: Word
    user: Word = ""
    subject: Annotated[str, Field(max_length=255)] = ""
    secret: _Secret = SecretStr("")


@router.get(PAGE)
def every(frame: Administrator) -> Response:
    """Show all identity providers, and the form that adds one."""
    return _every(frame)


@router.post(PAGE)
async def add(frame: Administrator) -> Response:
    """Try an OpenID provider out, and store it if that was the button."""
    form = None
    try:
        form = frame.form(NewProvider)
        if form.act not in ("try", "add"):
            raise unknown_act()
        found = await identity_providers.add(frame.context, frame.me, form.body())
    except REFUSALS as error:
        return await run_sync(_every, frame, error, form)
    if form.act == "try":
        return await run_sync(lambda: _every(frame, None, form, found))
    name = form.name.strip()
    return frame.go(f"{PAGE}/{name}", f"{name} is added; people can sign in there now.")


@router.get(f"{PAGE}/{{name}}")
def one(frame: Administrator, name: Name) -> Response:
    """Show a provider, what is registered there, and its people."""
    return _one(frame, name)


@router.post(f"{PAGE}/{{name}}")
async def act(frame: Administrator, name: Name) -> Response:
    """Test a provider, change its secret, say who somebody is there, or remove it."""
    try:
        form = frame.form(Act)
        if form.act == "test":
            found = await identity_providers.test(frame.context, frame.me, name)
            return await run_sync(_one, frame, name, None, found.checks)
        told = await run_sync(_act, frame, name, form)
    except REFUSALS as error:
        return await run_sync(_one, frame, name, error)
    return frame.go(PAGE if form.act == "remove" else f"{PAGE}/{name}", told)


def _act(frame: Frame, name: str, form: Act) -> str:
    context, me = frame.context, frame.me
    if form.act == "secret":
        given = {"secret": form.secret.get_secret_value()}
        body = forms.checked(identity_providers.SecretRequest, given)
        identity_providers.set_secret(context, me, name, body)
        return "The secret is stored; it holds from the next sign-in on."
    if form.act == "link":
        fields = {"user": form.user.strip(), "subject": form.subject.strip()}
        wanted = forms.checked(identity_providers.LinkRequest, fields)
        made = identity_providers.link(context, me, name, wanted)
        return f"{made.subject} signs in as {made.user} now."
    if form.act == "unlink":
        ended = identity_providers.unlink(context, me, name, form.user).revoked
        return f"{form.user} is nobody there any more; sign-ins ended: {ended}."
    if form.act == "remove":
        ended = identity_providers.remove(context, me, name).revoked
        return f"{name} is removed; sign-ins ended: {ended}."
    raise unknown_act()


def _every(
    frame: Frame,
    problem: PgwardError | None = None,
    form: NewProvider | None = None,
    tried: ProviderReply | None = None,
) -> Response:
    found = resources.every(frame.context, frame.me, _KIND).resources
    return frame.show(
        "machines/providers.html",
        status=200 if problem is None else errors.status(problem),
        providers=[idp_spec.row(each) for each in found],
        way_back=way_back.own(frame.context.desk.settings),
        form=form or NewProvider(),
        is_open=form is not None or not found,
        tried=tried,
        declared=kind_words.path,
        problem=problem,
    )


def _one(
    frame: Frame,
    name: str,
    problem: PgwardError | None = None,
    checks: list[CheckInfo] | None = None,
) -> Response:
    found = identity_providers.show(frame.context, frame.me, name)
    spec = found.resource["spec"]
    return frame.show(
        "machines/provider.html",
        status=200 if problem is None else errors.status(problem),
        provider=idp_spec.row(found.resource),
        facts=_facts(spec, has_secret=found.has_secret),
        register=found.register_,
        people=found.people,
        checks=checks,
        declared=kind_words.path,
        now=frame.context.now(),
        problem=problem,
    )


def _facts(spec: Mapping[str, Any], *, has_secret: bool) -> dict[str, str]:
    """Return what people may want to know of a provider, in words."""
    mapped = (spec.get("groupMap") or {}).items()
    found = {
        "Client": spec.get("clientId"),
        "Binds as": spec.get("bindDn") or spec.get("userDn"),
        "Secret": "stored" if has_secret else "none",
        "People are called": idp_spec.user_claim(spec),
        "Groups come from": spec.get("groupsClaim"),
        "Groups are called": ", ".join(f"{theirs} → {ours}" for theirs, ours in mapped),
        "Second factor": ", ".join(idp_spec.shown_second_factor(spec)),
        "Adds people": "at their first sign-in" if spec.get("createUsers") else "never",
        "People of a name here": "are taken for those" if spec.get("linkExisting") else "",
        "Asked again": idp_spec.asked_again(spec),
    }
    return {title: str(value) for title, value in found.items() if value}


def _pairs(text: str, example: str) -> list[tuple[str, str]]:
    found = []
    for line in _lines(text):
        left, equals, right = line.rpartition("=")
        if not equals or not left.strip() or not right.strip():
            raise InvalidInputError(f"{line!r} is not THIS=THAT", hint=f"for example {example}")
        found.append((left.strip(), right.strip()))
    return found


def _lines(text: str) -> list[str]:
    return [each.strip() for each in text.splitlines() if each.strip()]
