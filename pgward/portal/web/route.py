"""Routes of pages: what goes wrong is told on a page, and who is not signed in is asked to."""

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from pgward.ca.service import errors
from pgward.core.errors import LoginNeededError, NotFoundError, PgwardError, UnavailableError
from pgward.portal.web import headers, templates

SIGN_IN = "/sign-in"
_TITLES = {
    403: "This is not for you",
    404: "There is no such page",
    429: "Too many requests",
    503: "Not now",
}
_WORDS = {404: "there is nothing at this address", 405: "this page takes no such request"}


class PageRoute(APIRoute):
    """A route that answers browsers."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers."""
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await answer(request)
            except LoginNeededError:
                return sign_in(request)
            except errors.EXPECTED as error:
                return problem(request, error)

        return handle


def router() -> APIRouter:
    """Return a router of pages, which are no part of the API's description."""
    return APIRouter(route_class=PageRoute, include_in_schema=False)


def sign_in(request: Request) -> Response:
    """Send a browser to sign in, and back to where it was if that was only looking."""
    path = request.url.path
    if request.method == "GET" and request.url.query:
        path += f"?{request.url.query}"
    wanted = "" if request.method != "GET" or path == "/" else f"?next={quote(path, safe='')}"
    return RedirectResponse(f"{SIGN_IN}{wanted}", 303, headers=dict(headers.COMMON))


def problem(
    request: Request, error: PgwardError | RequestValidationError | HTTPException
) -> Response:
    """Return a page that says what happened, and what to do."""
    if isinstance(error, RequestValidationError):
        error = NotFoundError("there is no such page", hint="look at the address")
    status = error.status_code if isinstance(error, HTTPException) else errors.status(error)
    if isinstance(error, HTTPException):
        error = PgwardError(_WORDS.get(status, error.detail.lower()))
    text = templates.render(
        "sorry.html",
        name=request.app.state.context.desk.settings.ca.name,
        title=_TITLES.get(status, "This does not work"),
        error=error,
    )
    sent = dict(headers.PAGE)
    if isinstance(error, UnavailableError):
        sent["Retry-After"] = str(error.retry_after)  # RFC 9110 section 10.2.3
    return HTMLResponse(text, status, headers=sent)
