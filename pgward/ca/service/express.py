"""A way past FastAPI's routing and dependencies, for what must be fast.

They cost more than a certificate's two signatures, or than to take a chunk of records in. The
endpoints are FastAPI's all the same, which describes them.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from fastapi import Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pgward.ca.service import errors

Endpoint = Callable[[Request], Awaitable[Response]]
Reader = Callable[[Request], Awaitable[Response | None]]


class Put(NamedTuple):
    """PUT requests whose whole path matches; ``template`` is the path as FastAPI describes it.

    The endpoint returns None, having read nothing, for a request that FastAPI shall explain.
    """

    path: re.Pattern[str]
    template: str
    endpoint: Reader


class Express:
    """ASGI middleware: POST requests to these paths, and some PUTs, go to their endpoint."""

    def __init__(
        self, app: ASGIApp, *, endpoints: Mapping[str, Endpoint], puts: Sequence[Put] = ()
    ) -> None:
        self._app = app
        self._endpoints = endpoints
        self._puts = puts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI 3)."""
        answer = self._chosen(scope) if scope["type"] == "http" else None
        if answer is None:
            await self._app(scope, receive, send)
            return
        template, endpoint = answer
        request = Request(scope, receive)
        scope[errors.EXPRESS] = template
        try:
            response = await endpoint(request)
        except errors.EXPECTED as error:
            response = errors.answer(error, request)
        if response is None:
            del scope[errors.EXPRESS]
            await self._app(scope, receive, send)
            return
        await response(scope, receive, send)

    def _chosen(self, scope: Scope) -> tuple[str, Endpoint | Reader] | None:
        path: str = scope["path"]
        if scope["method"] == "POST" and path in self._endpoints:
            return path, self._endpoints[path]
        if scope["method"] == "PUT" and not scope["query_string"]:
            for each in self._puts:
                found = each.path.fullmatch(path)
                if found is not None:
                    scope["path_params"] = found.groupdict()
                    return each.template, each.endpoint
        return None
