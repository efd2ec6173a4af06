"""``/login``: where a browser that a terminal sent uses a passkey, or makes one."""

import json
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from pgward.ca import caller
from pgward.ca.login.passkeys import site, visits
from pgward.ca.login.passkeys.responses import Asserted, Made
from pgward.ca.login.passkeys.site import Site
from pgward.ca.login.passkeys.visiting import Shown, Visits
from pgward.ca.service import strict
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body
from pgward.core.errors import DeniedError, PgwardError
from pgward.portal.web import assets, headers, templates

router = strict.router("page", prefix="", described=False)
_FOREVER = "public, max-age=31536000, immutable"
_Sealed = Annotated[str, Field(max_length=visits.MAX_LENGTH)]
_Asked = Annotated[str, Query(max_length=visits.MAX_LENGTH)]
_Code = Annotated[str, Field(max_length=32)]


class CodeRequest(Body):
    """The code that the terminal shows, typed into the page."""

    visit: _Sealed
    code: _Code


class UseRequest(Body):
    """A passkey that was used."""

    visit: _Sealed
    credential: Asserted
    redirect_uri: Annotated[str, Field(max_length=200)] | None = None


class MadeRequest(CodeRequest):
    """A passkey that was made."""

    credential: Made


class Onward(BaseModel):
    """Where the browser goes now: back to the terminal that sent it."""

    redirect: str


def install(app: FastAPI, context: Context) -> None:
    """Serve the page; it is for browsers, and no part of the API's description."""

    def refusal() -> None:
        context.limits.refusal(caller.client.get(), context.monotonic())

    app.state.visits = Visits(context.desk, refusal)
    app.router.routes.extend(router.routes)


def _visits(request: Request) -> Visits:
    found = request.app.state.visits
    if not isinstance(found, Visits):
        raise TypeError("the application has no visits")
    return found


Visiting = Annotated[Visits, Depends(_visits)]


def _from_page(context: Current, request: Request) -> None:
    """Refuse what another site's page sends: browsers say whose it is."""
    own = site.needed(context.desk.settings)
    origins = request.headers.getlist("origin")
    fetched = request.headers.get("sec-fetch-site", "same-origin")
    if origins != [own.origin] or fetched != "same-origin":
        raise DeniedError("this is for the authority's own login page")


FromPage = Depends(_from_page)


@router.get(site.PATH)
def page(
    context: Current, request: Request, visiting: Visiting, visit: _Asked = ""
) -> HTMLResponse:
    """Show what the visit is about, or why it is none."""
    try:
        own = site.needed(context.desk.settings)
        _check_host(own, request)
        return _html("visit.html", _facts(own, visit, visiting.show(visit)))
    except PgwardError as error:
        facts = {"name": context.desk.settings.ca.name, "error": error}
        return _html("problem.html", facts, status=400)


@router.post("/login/code", dependencies=[FromPage])
def creation(visiting: Visiting, body: CodeRequest) -> Response:
    """Return how to make a passkey, to who knows the code."""
    found = visiting.creation(body.visit, body.code)
    return Response(json.dumps(found), media_type="application/json", headers=headers.COMMON)


@router.post("/login/used", dependencies=[FromPage])
def used(visiting: Visiting, body: UseRequest) -> Onward:
    """Take the answer of an authenticator."""
    return Onward(redirect=visiting.used(body.visit, body.credential, body.redirect_uri))


@router.post("/login/made", dependencies=[FromPage])
def made(visiting: Visiting, body: MadeRequest) -> Onward:
    """Take a new passkey."""
    return Onward(redirect=visiting.made(body.visit, body.code, body.credential))


@router.get(f"{assets.PREFIX}/{{name}}")
def asset(request: Request) -> Response:
    """Return a style sheet, a script or a picture."""
    found = assets.find(request.url.path)
    sent = {**headers.COMMON, "Cache-Control": _FOREVER}
    return Response(found.content, media_type=found.media_type, headers=sent)


def _check_host(own: Site, request: Request) -> None:
    """Raise DeniedError when the browser knows us by another name than passkeys do."""
    host = request.headers.get("host", "").lower().removesuffix(":443")
    if host != urlsplit(own.origin).netloc:
        raise DeniedError(
            "passkeys do not work at this address", hint=f"open the page at {own.origin}"
        )


def _facts(own: Site, sealed: str, shown: Shown) -> dict[str, object]:
    visit, address = shown.visit, caller.client.get()
    return {
        "name": own.name,
        "host": own.id,
        "sealed": sealed,
        "visit": visit,
        "options": "" if shown.options is None else json.dumps(shown.options),
        "address": address,
        "elsewhere": visit.address is not None and visit.address != address,
    }


def _html(template: str, facts: Mapping[str, object], *, status: int = 200) -> HTMLResponse:
    return HTMLResponse(templates.render(template, **facts), status, headers=headers.PAGE)
