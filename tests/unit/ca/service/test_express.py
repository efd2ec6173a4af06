import pytest
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from pgward.ca.service.express import Express
from pgward.core.errors import DeniedError

WRONG = {"type": "missing", "loc": ("body", "csr"), "msg": "", "input": None}


async def framework(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"framework"})


def client(endpoint):
    return TestClient(Express(framework, endpoints={"/fast": endpoint}))


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
