"""A way past FastAPI's routing and dependencies, for what must be fast.

They cost more than a certificate's two signatures. The endpoints are FastAPI's all the same,
which describes them.
"""

from collections.abc import Awaitable, Callable, Mapping

from fastapi import Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pgward.ca.service import errors

Endpoint = Callable[[Request], Awaitable[Response]]


class Express:
    """ASGI middleware: POST requests to these paths go to their endpoint at once."""

    def __init__(self, app: ASGIApp, *, endpoints: Mapping[str, Endpoint]) -> None:
        self._app = app
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI 3)."""
        endpoint = self._endpoints.get(scope["path"]) if scope["type"] == "http" else None
        if endpoint is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        scope[errors.EXPRESS] = scope["path"]
        request = Request(scope, receive)
        try:
            response = await endpoint(request)
        except errors.EXPECTED as error:
            response = errors.answer(error, request)
        await response(scope, receive, send)
