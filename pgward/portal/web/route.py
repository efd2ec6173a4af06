"""Routes of pages: what goes wrong is told on a page, and who is not signed in is asked to."""

import json
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from pgward.ca.service import errors
from pgward.core.errors import LoginNeededError, NotFoundError, PgwardError, UnavailableError
from pgward.portal.web import headers, templates

SIGN_IN = "/sign-in"
_TITLES = {
    403: "This is not for you",
    404: "There is no such page",
    413: "That is too much",
    429: "Too many requests",
    500: "This went wrong",
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
    response = _page(request.app.state.context.desk.settings.ca.name, status, error)
    if isinstance(error, UnavailableError):
        response.headers["Retry-After"] = str(error.retry_after)  # RFC 9110 section 10.2.3
    return response


def told(name: str, answer: JSONResponse) -> Response:
    """Return the page of the authority ``name`` that says what an error of the API says."""
    error = json.loads(bytes(answer.body))["error"]
    found = PgwardError(error["message"], hint=error["hint"])
    response = _page(name, answer.status_code, found)
    if "Retry-After" in answer.headers:
        response.headers["Retry-After"] = answer.headers["Retry-After"]
    return response


def _page(name: str, status: int, error: PgwardError) -> Response:
    title = _TITLES.get(status, "This does not work")
    text = templates.render("sorry.html", name=name, title=title, error=error)
    return HTMLResponse(text, status, headers=dict(headers.PAGE))
