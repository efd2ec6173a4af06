"""``/decide``: where a link in a message about an access request leads."""

import json
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from pgward.ca import caller
from pgward.ca.login.passkeys import site
from pgward.ca.login.passkeys.responses import Asserted
from pgward.ca.notices import deciding, links
from pgward.ca.notices.deciding import Answer, Deciding, Requests, Shown
from pgward.ca.notices.message import Message, one_line
from pgward.ca.notices.notice import Kind
from pgward.ca.service import strict
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body
from pgward.ca.settings import Settings
from pgward.core.errors import DeniedError, InvalidInputError, PgwardError
from pgward.portal.web import headers, templates

router = strict.router("decide", prefix="", described=False)
_MOST_REASON = 500
_MOST_INSIDE = 50
_Sealed = Annotated[str, Field(max_length=links.MAX_LENGTH)]
_Asked = Annotated[str, Query(max_length=links.MAX_LENGTH)]


class DecideRequest(Body):
    """What the page posts."""

    link: _Sealed
    form: Annotated[str, Field(max_length=deciding.MAX_FORM)]
    approve: Annotated[bool, Field(strict=True)]
    reason: Annotated[str, Field(max_length=_MOST_REASON)] = ""
    credential: Asserted | None = None


class Decided(BaseModel):
    """What became of the request."""

    state: str


def install(app: FastAPI, context: Context, requests: Requests) -> None:
    """Serve the page; it is for browsers, and no part of the API's description."""

    def refusal() -> None:
        context.limits.refusal(caller.client.get(), context.monotonic())

    app.state.deciding = Deciding(context.desk, context.login_rules, requests, refusal)
    app.router.routes.extend(router.routes)


def _deciding(request: Request) -> Deciding:
    found = request.app.state.deciding
    if not isinstance(found, Deciding):
        raise TypeError("the application decides nothing")
    return found


TheDeciding = Annotated[Deciding, Depends(_deciding)]


def _from_page(context: Current, request: Request) -> None:
    """Refuse what another site's page sends: browsers say whose it is."""
    own = _origin(context.desk.settings)
    origins = request.headers.getlist("origin")
    fetched = request.headers.get("sec-fetch-site", "same-origin")
    if origins != [own] or fetched != "same-origin":
        raise DeniedError("this is for the authority's own page")


FromPage = Depends(_from_page)


@router.get(links.PATH)
def page(context: Current, request: Request, found: TheDeciding, link: _Asked = "") -> HTMLResponse:
    """Show the request, or why it cannot be decided here. It changes nothing."""
    settings = context.desk.settings
    try:
        _check_host(settings, request)
        facts = _facts(settings, link, found.show(link))
    except PgwardError as error:
        told = {"name": settings.ca.name, "error": error}
        return HTMLResponse(templates.render("problem.html", **told), 400, headers=headers.PAGE)
    return HTMLResponse(templates.render("decide.html", **facts), headers=headers.PAGE)


@router.post(links.PATH, dependencies=[FromPage])
def decide(found: TheDeciding, body: DecideRequest) -> Decided:
    """Take what a person decided."""
    if not body.approve and not body.reason.strip():
        raise InvalidInputError("a refusal needs a reason")
    answer = Answer(body.form, body.approve, body.reason, body.credential)
    return Decided(state=found.decide(body.link, answer))


def _check_host(settings: Settings, request: Request) -> None:
    """Raise DeniedError when the browser knows us by another name than links do."""
    own = _origin(settings)
    host = request.headers.get("host", "").lower().removesuffix(":443")
    if host != urlsplit(own).netloc:
        raise DeniedError("links do not work at this address", hint=f"open the page at {own}")


def _origin(settings: Settings) -> str:
    own = site.of(settings)
    return settings.ca.url.lower().removesuffix(":443") if own is None else own.origin


def _cut(lines: Sequence[str]) -> list[str]:
    """Return lines of a bundle; of a large one so many as a person looks at."""
    found = [one_line(each) for each in lines[:_MOST_INSIDE]]
    return (
        found if len(lines) <= _MOST_INSIDE else [*found, f"and {len(lines) - _MOST_INSIDE} more"]
    )


def _facts(settings: Settings, sealed: str, shown: Shown) -> dict[str, object]:
    link, asked = shown.link, shown.asked
    told = Message("", Kind.ASKED, asked.id, link.approver or "", asked.facts, link.expires_at)
    return {
        "name": settings.ca.name,
        "heading": told.heading,
        "lines": told.lines,
        "inside": {name: _cut(each) for name, each in sorted(asked.inside.items())},
        "person": asked.facts.person,
        "request": asked.id,
        "approver": link.approver or "",
        "sealed": sealed,
        "form": shown.form,
        "options": "" if shown.options is None else json.dumps(shown.options),
    }
