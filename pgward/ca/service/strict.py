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
PREFIX = "/v1"
# By reference: with a model, FastAPI would make ten more fields for each route. One route has to
# bring the model into the description: `public.health`.
_ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}}
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"content": _ERROR, "description": text}
    for status, text in {
        400: "the body is not JSON",
        401: "no login session",
        403: "denied",
        404: "it does not exist",
        409: "it collides with what is there",
        413: "the body is too long",
        415: "the body is of another type than JSON",
        422: "wrong input; `fields` says where",
        429: "too many requests; `Retry-After` says when to try again",
        503: "the store cannot take it now; `Retry-After` says when to try again",
    }.items()
}


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


def router(*tags: str, prefix: str = PREFIX, described: bool = True) -> APIRouter:
    """Return a router; every one of the API's is made here.

    It is complete, so that its routes serve as they are: FastAPI's ``include_router`` makes each
    once more, which takes as long as importing it did, for every application.
    """
    return APIRouter(
        prefix=prefix,
        tags=list(tags),
        route_class=Route,
        responses=_ERRORS,
        include_in_schema=described,
        generate_unique_id_function=operation_id,
    )


def operation_id(route: APIRoute) -> str:
    """Name a route in the API's description: by its module and its function."""
    module = route.endpoint.__module__.rpartition(".")[2]
    return f"{module}_{route.name}"
