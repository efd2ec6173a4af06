import asyncio
import json
import logging

from pgward.ca import caller
from pgward.ca.service.middleware import MAX_BODY, Guard


def _call(app, *, headers=(), parts=(b"",), path="/v1/x", larger=None):
    sent = []
    bodies = [
        {"type": "http.request", "body": part, "more_body": index < len(parts) - 1}
        for index, part in enumerate(parts)
    ]

    async def receive():
        return bodies.pop(0)

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"token=secret",
        "headers": list(headers),
        "client": ("10.0.0.1", 5),
    }
    asyncio.run(Guard(app, larger=larger)(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], dict(sent[0]["headers"]), body


async def _reading(_scope, receive, send):
    more = True
    while more:
        more = (await receive())["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": (caller.client.get() or "").encode()})


def test_the_address_of_the_caller_is_known_inside_and_forgotten_after():
    status, headers, body = _call(_reading)
    assert (status, body) == (200, b"10.0.0.1")
    assert headers[b"cache-control"] == b"no-store"
    assert caller.client.get() is None


def test_a_body_is_bounded_whether_its_length_is_told_or_not():
    half = b"x" * (MAX_BODY // 2)
    told = [(b"content-length", str(MAX_BODY + 1).encode())]
    assert _call(_reading, parts=(half, half))[0] == 200
    assert _call(_reading, parts=(half, half, b"x"))[0] == 413
    assert _call(_reading, headers=told)[0] == 413
    assert _call(_reading, headers=told, larger={"/v1/x": MAX_BODY + 1})[0] == 200


def test_a_failure_is_answered_and_an_answer_that_began_is_left():
    async def failing(_scope, _receive, _send):
        raise RuntimeError("the inside")

    async def failing_late(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("the inside")

    status, _, body = _call(failing)
    assert (status, json.loads(body)["error"]["code"]) == (500, "failed")
    assert _call(failing_late)[0] == 200


def test_the_access_log_tells_the_path_and_no_secret(caplog):
    caplog.set_level(logging.INFO, "pgward.ca.access")
    _call(_reading, path="/v1/x\ny", headers=[(b"authorization", b"DPoP s3cret")])
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("10.0.0.1 POST '/v1/x\\ny' 200 ")
    assert "secret" not in line
    assert "s3cret" not in line


def test_other_scopes_pass_through():
    seen = []

    async def app(scope, _receive, _send):
        seen.append(scope["type"])

    asyncio.run(Guard(app)({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]
