import re

import pytest
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from pgward.ca.service import errors
from pgward.ca.service.express import Express, Put
from pgward.core.errors import DeniedError
from tests.fixtures.in_process import InProcess

WRONG = {"type": "missing", "loc": ("body", "csr"), "msg": "", "input": None}


async def framework(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"framework"})


def client(endpoint):
    return InProcess(Express(framework, endpoints={"/fast": endpoint}))


async def echo(request: Request) -> Response:
    return Response(await request.body())


def test_a_post_to_its_path_goes_to_the_endpoint():
    assert client(echo).post("/fast", content=b"body").content == b"body"


@pytest.mark.parametrize(("method", "path"), [("GET", "/fast"), ("POST", "/fast/"), ("POST", "/")])
def test_everything_else_goes_on(method, path):
    assert client(echo).request(method, path).content == b"framework"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DeniedError("no"), 403),
        (HTTPException(413, "too long"), 413),
        (RequestValidationError([WRONG]), 422),
    ],
)
def test_what_is_expected_is_answered_as_everywhere(error, status):
    async def fail(_request: Request) -> Response:
        raise error

    answer = client(fail).post("/fast")
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"code", "message", "hint", "fields"}


def test_a_defect_passes_on_to_the_last_resort():
    async def fail(_request: Request) -> Response:
        raise RuntimeError("the inside")

    with pytest.raises(RuntimeError, match="the inside"):
        client(fail).post("/fast")


class Putting:
    """Answers with what the path says, unless told to leave it to the framework."""

    def __init__(self):
        self.leave = False
        self.routes = []

    async def __call__(self, request: Request) -> Response | None:
        self.routes.append(errors.route_of(request.scope))
        return None if self.leave else Response(request.path_params["name"])


@pytest.fixture
def putting():
    return Putting()


@pytest.fixture
def puts(putting):
    put = Put(re.compile("/things/(?P<name>[a-z]+)"), "/things/{name}", putting)
    return InProcess(Express(framework, endpoints={}, puts=[put]))


def test_a_put_whose_path_matches_goes_to_its_endpoint(puts, putting):
    assert puts.put("/things/blue").content == b"blue"
    assert putting.routes == ["/things/{name}"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/things/blue?x=1"),
        ("PUT", "/things/9"),
        ("PUT", "/a/things/b"),
        ("GET", "/things/b"),
    ],
)
def test_every_other_put_goes_on(puts, putting, method, path):
    assert puts.request(method, path).content == b"framework"
    assert putting.routes == []


def test_an_endpoint_may_leave_a_request_to_the_framework(puts, putting):
    putting.leave = True
    assert puts.put("/things/blue").content == b"framework"
