"""Routers whose requests are read strictly, before anything else sees them."""

import json
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from pgward.core import strict_json

Model = TypeVar("Model", bound=BaseModel)


def read(body: bytes, model: type[Model]) -> Model:
    """Read a body that FastAPI does not: it would, before it is known who asks."""
    try:
        return model.model_validate(_loads(body))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise RequestValidationError(
            [each | {"loc": ("body", *each["loc"])} for each in found]
        ) from None
    except json.JSONDecodeError:
        raise RequestValidationError([{"type": "json_invalid", "loc": ("body",)}]) from None


def _loads(body: bytes) -> Any:
    """Read JSON; JSONDecodeError, which FastAPI awaits, when it is not strict JSON."""
    try:
        return strict_json.loads(body)
    except ValueError as error:
        raise json.JSONDecodeError("not strict JSON", "", 0) from error


class _Request(Request):
    async def json(self) -> Any:
        """Return the body; raise JSONDecodeError."""
        if not hasattr(self, "_json"):
            self._json = _loads(await self.body())
        return self._json


class Route(APIRoute):
    """A route that takes strict JSON only."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers, with a request that reads its body our way."""
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await answer(_Request(request.scope, request.receive))

        return handle


def router(*tags: str) -> APIRouter:
    """Return a router; every one of the API's is made here."""
    return APIRouter(tags=list(tags), route_class=Route)
