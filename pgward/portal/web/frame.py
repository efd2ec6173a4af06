"""What a page is given: who visits, what was sent, and how to answer.

A function of a page takes ``Guest``, ``Signed``, ``Auditor`` or ``Administrator`` and is called
only for such a visitor; of what is sent it hears only if it came from a page of ours.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from pgward.ca.identity.sessions import LoginSession
from pgward.ca.service import auth
from pgward.ca.service.context import Context, Current
from pgward.portal.web import csrf, forms, headers, navigation, templates, visitor
from pgward.portal.web.browser import TOLD, Browser, forget, keep
from pgward.portal.web.forms import Model
from pgward.portal.web.visitor import Visitor

_SAFE = frozenset({"GET", "HEAD"})
_TOLD_SECONDS = 60
_MOST_TOLD = 2_000
Kind = Literal["done", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One request for a page; ``origin`` is the address under which the browser knows us."""

    context: Context
    request: Request
    browser: Browser
    origin: str
    who: Visitor | None = None
    sent: Mapping[str, list[str]] = field(default_factory=dict, repr=False)

    @property
    def me(self) -> LoginSession:
        """The login session that asks, as the API's functions take it."""
        if self.who is None:
            raise TypeError("nobody is signed in")
        return self.who.session

    def form(self, model: type[Model]) -> Model:
        """Return what was sent; raise FieldsError."""
        return forms.read(model, self.sent)

    def show(self, template: str, /, *, status: int = 200, **facts: Any) -> HTMLResponse:
        """Return a page; every page has its place in the navigation, and says what was done."""
        told = _told(self.request)
        text = templates.render(
            template,
            **facts,
            name=self.context.desk.settings.ca.name,
            who=self.who,
            place=navigation.place(self.request.url.path),
            parts=navigation.seen_by(self.who.session.user) if self.who else (),
            link=self.link,
            csrf=csrf.token(self.browser),
            told=told,
        )
        response = HTMLResponse(text, status, headers=dict(headers.PAGE))
        self.browser.remember(response)
        if told is not None:
            forget(response, TOLD)
        return response

    def link(self, **changed: str | None) -> str:
        """Return this page's address with another query; None takes a field away."""
        given = {**self.request.query_params, **changed}
        kept = {name: value for name, value in given.items() if value}
        return f"{self.request.url.path}?{urlencode(kept)}" if kept else self.request.url.path

    def go(self, path: str, told: str | None = None, kind: Kind = "done") -> Response:
        """Send the browser on to another page of ours, which says what was done."""
        response = RedirectResponse(path, 303, headers=dict(headers.COMMON))
        self.browser.remember(response)
        if told is not None:
            data = json.dumps({"kind": kind, "text": told[:_MOST_TOLD]}).encode()
            value = urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
            keep(response, TOLD, value, seconds=_TOLD_SECONDS)
        return response


def _told(request: Request) -> dict[str, str] | None:
    """Return what the page before has done; it is the browser's word, and shown as text."""
    value = request.cookies.get(TOLD, "")
    try:
        found = json.loads(urlsafe_b64decode(value + "=" * (-len(value) % 4)))
        kind, text = found["kind"], found["text"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if kind not in ("done", "warning", "error") or not isinstance(text, str):
        return None
    return {"kind": kind, "text": text[:_MOST_TOLD]}


async def _sent(request: Request) -> Mapping[str, list[str]]:
    return {} if request.method in _SAFE else await forms.texts(request)


_Sent = Annotated[Mapping[str, list[str]], Depends(_sent)]


def _frame(
    context: Context, request: Request, sent: Mapping[str, list[str]], who: Visitor | None
) -> Frame:
    browser = Browser.of(request) if who is None else who.browser
    origin = visitor.origin(context, request)
    if request.method not in _SAFE:
        csrf.check(request, browser, origin, (sent.get(csrf.FIELD) or [""])[0])
    return Frame(context, request, browser, origin, who, sent)


def guest(context: Current, request: Request, sent: _Sent) -> Frame:
    """Return a frame for anybody."""
    return _frame(context, request, sent, None)


def signed(context: Current, request: Request, who: visitor.Signed, sent: _Sent) -> Frame:
    """Return a frame for who is signed in; what others send is not read."""
    return _frame(context, request, sent, who)


Guest = Annotated[Frame, Depends(guest)]
Signed = Annotated[Frame, Depends(signed)]


def auditor(context: Current, request: Request, frame: Signed) -> Frame:
    """Return a frame for who may read the audit log; raise DeniedError for others."""
    auth.auditor(context, request, frame.me)
    return frame


def administrator(context: Current, request: Request, frame: Signed) -> Frame:
    """Return a frame for an administrator; raise DeniedError for others."""
    auth.administrator(context, request, frame.me)
    return frame


Auditor = Annotated[Frame, Depends(auditor)]
Administrator = Annotated[Frame, Depends(administrator)]
