"""Puts the pages onto the CA's application."""

from functools import partial

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from pgward.ca.notices.stored import StoredRequests
from pgward.ca.service import errors
from pgward.ca.service.context import Context
from pgward.portal.pages import (
    audit,
    certificates,
    clients,
    connect,
    databases,
    design,
    factors,
    machines,
    me,
    overview,
    own_passkeys,
    people,
    requests,
    resources,
    reviews,
    sessions,
    sign_in,
    sql,
    start,
    step_up,
)
from pgward.portal.pages.resources import editing, tester
from pgward.portal.visits import decide, passkey
from pgward.portal.web import route

_PAGES = (
    *(sign_in, databases, connect, clients, certificates, sql, step_up),
    *(requests, me, factors, own_passkeys, overview, start, design),
    *sessions.PAGES,
    *people.PAGES,
    *resources.PAGES,
    *machines.PAGES,
    *audit.PAGES,
    reviews,
)


def install(app: FastAPI, context: Context) -> None:
    """Serve every page; they are for browsers, and no part of the API's description."""
    app.state.larger[editing.PREFIX] = editing.MAX_BODY
    app.state.larger |= dict.fromkeys((tester.PATH, tester.CASES), tester.MAX_BODY)
    passkey.install(app, context)
    decide.install(app, context, StoredRequests())
    sql.install(app, context)
    for page in _PAGES:
        app.router.routes.extend(page.router.routes)
    app.add_exception_handler(HTTPException, _nothing_there)
    app.state.error_page = partial(route.told, context.desk.settings.ca.name)


async def _nothing_there(request: Request, error: Exception) -> Response:
    """Answer for a path that is nobody's: browsers get a page, all others the API's words."""
    if not isinstance(error, HTTPException):
        raise TypeError(error)
    is_page = not request.url.path.startswith("/v1/")
    if is_page and "text/html" in request.headers.get("accept", ""):
        return route.problem(request, error)
    answer: JSONResponse = errors.answer(error, request)
    return answer
