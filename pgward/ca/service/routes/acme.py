"""``/acme``: requests of ACME clients on their way to ``pgward.ca.acme.server`` and back."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from pgward.ca.acme import documents, exchange
from pgward.ca.acme.exchange import Reply, Request
from pgward.ca.acme.problems import AcmeError
from pgward.ca.acme.service import AcmeService
from pgward.ca.service import errors
from pgward.core.errors import InvalidInputError

_DEFAULT_PORT = ":443"


def install(app: FastAPI, service: AcmeService | None) -> None:
    """Serve everything below ``/acme``; without a service, a problem that says so."""
    app.state.acme = service
    app.router.routes.append(Mount(documents.PREFIX, app=_answer))


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """Validate challenges as long as the application runs."""
    service: AcmeService | None = app.state.acme
    if service is None:
        yield
    else:
        async with service.running():
            yield


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    scope[errors.EXPRESS] = f"{documents.PREFIX}/{{path}}"
    http = HttpRequest(scope, receive)
    try:
        body = await http.body()
    except ClientDisconnect:
        return
    reply = await _handle(http, body)
    headers = list(reply.headers.items()) + [("Link", link) for link in reply.links]
    response = Response(_content(reply), reply.status, media_type=reply.content_type)
    for name, value in headers:
        response.headers.append(name, value)
    await response(scope, receive, send)


async def _handle(http: HttpRequest, body: bytes) -> Reply:
    service: AcmeService | None = http.app.state.acme
    if service is None:
        off = AcmeError("serverInternal", "the ACME server is switched off", status=503)
        return exchange.problem(off)
    try:
        url: str = http.app.state.context.url_of(http)
    except InvalidInputError as error:
        return exchange.problem(AcmeError("malformed", f"{error.message}; {error.hint}"))
    path = _path(http)
    origin = url.removesuffix(path).removesuffix(_DEFAULT_PORT)
    request = Request(
        method=http.method,
        origin=origin,
        path=path,
        query=http.scope.get("query_string", b"").decode("latin-1"),
        content_type=http.headers.get("content-type", ""),
        body=body,
    )
    return await run_in_threadpool(service.server.handle, request)


def _path(http: HttpRequest) -> str:
    raw: bytes = http.scope.get("raw_path") or http.scope["path"].encode()
    return raw.partition(b"?")[0].decode("latin-1")


def _content(reply: Reply) -> bytes:
    if reply.content is not None:
        return reply.content
    return b"" if reply.document is None else json.dumps(reply.document).encode()
