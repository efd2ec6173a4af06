import pytest
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from pgward.ca.service import errors, strict
from pgward.ca.service.models import Body
from pgward.ca.service.routes import issuing
from tests.fixtures.in_process import InProcess


class Pair(Body):
    """A body."""

    a: int
    b: str = ""


@pytest.fixture
def client():
    router = strict.router("x")

    @router.post("/pair")
    def pair(body: Pair) -> Pair:
        return body

    app = FastAPI()
    app.router.routes.extend(router.routes)
    errors.install(app)
    return InProcess(app)


def post(client, content):
    return client.post("/v1/pair", content=content, headers={"Content-Type": "application/json"})


def test_a_body_is_read_as_ever(client):
    assert post(client, b'{"a": 1, "b": "x"}').json() == {"a": 1, "b": "x"}
    assert post(client, b'{"a": "x"}').status_code == 422


@pytest.mark.parametrize("content", [b'{"a": 1, "a": 2}', b'{"a": NaN}', b"{", b"\xff"])
def test_what_is_not_strict_json_is_none(client, content):
    answer = post(client, content)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "the body is not JSON")


def test_a_body_that_fastapi_does_not_read_is_read_alike():
    assert strict.read(b'{"a": 1}', Pair) == Pair(a=1)
    for body, kind in ((b'{"a": 1, "a": 2}', "json_invalid"), (b'{"a": "x"}', "int_parsing")):
        with pytest.raises(RequestValidationError) as caught:
            strict.read(body, Pair)
        assert caught.value.errors()[0]["type"] == kind


def test_every_route_that_takes_a_body_is_made_here(app):
    """But for the one that reads its body by itself."""
    assert sum(isinstance(route, strict.Route) for route in app.routes) > 90
    lenient = [
        route.path
        for route in app.routes
        if isinstance(route, APIRoute)
        and route.body_field is not None
        and not isinstance(route, strict.Route)
    ]
    assert lenient == []
    assert [route.body_field for route in issuing.router.routes] == [None]
