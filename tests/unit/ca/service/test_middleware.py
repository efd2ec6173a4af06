import asyncio
import json
import logging

from starlette.responses import PlainTextResponse

from pgward.ca import caller, observe
from pgward.ca.http import networks
from pgward.ca.limiting.limits import Limits
from pgward.ca.service.middleware import MAX_BODY, Guard
from pgward.ca.settings import LimitSettings


def _call(
    app,
    *,
    headers=(),
    parts=(b"",),
    path="/v1/x",
    query=b"token=secret",
    headers_everywhere=None,
    **options,
):
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
        "query_string": query,
        "headers": list(headers),
        "client": ("10.0.0.1", 5),
    }
    asyncio.run(Guard(app, headers=headers_everywhere, **options)(scope, receive, send))
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


def test_every_answer_tells_browsers_what_not_to_do_with_it():
    async def own(_scope, _receive, send):
        headers = [(b"content-security-policy", b"script-src 'self'")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body"})

    _, headers, _ = _call(_reading, headers=[(b"accept", b"text/html")])
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"content-security-policy"] == b"default-src 'none'; frame-ancestors 'none'"
    _, headers, _ = _call(own, headers_everywhere={"strict-transport-security": "max-age=1"})
    assert headers[b"content-security-policy"] == b"script-src 'self'"
    assert headers[b"strict-transport-security"] == b"max-age=1"


def test_browsers_are_told_of_an_error_on_a_page_and_the_api_never():
    def page(answer):
        return PlainTextResponse(f"page {answer.status_code}", answer.status_code)

    async def failing(_scope, _receive, _send):
        raise RuntimeError

    browser = [(b"accept", b"text/html,*/*")]
    too_long = [*browser, (b"content-length", str(MAX_BODY + 1).encode())]
    two = [*browser, (b"host", b"a"), (b"host", b"b")]
    assert _call(failing, path="/x", page=page, headers=browser)[2] == b"page 500"
    assert _call(_reading, path="/x", page=page, headers=too_long)[2] == b"page 413"
    assert _call(_reading, path="/x", page=page, headers=two)[2] == b"page 400"
    assert json.loads(_call(failing, path="/x", page=page)[2])["error"]["code"] == "failed"
    answer = _call(failing, path="/v1/x", page=page, headers=browser)[2]
    assert json.loads(answer)["error"]["code"] == "failed"


def test_a_request_for_two_hosts_is_refused():
    host = (b"host", b"ca.test")
    assert _call(_reading, headers=[host])[0] == 200
    status, _, body = _call(_reading, headers=[host, (b"x-a", b""), (b"host", b"ca.test")])
    assert (status, json.loads(body)["error"]["message"]) == (
        400,
        "the request names several hosts",
    )


def test_an_address_with_a_nul_names_nothing():
    status, _, body = _call(_reading, path="/v1/users/a\0")
    assert (status, json.loads(body)["error"]["code"]) == (404, "not_found")
    status, _, body = _call(_reading, path="/v1/audit", query=b"actor=a%00b")
    assert (status, json.loads(body)["error"]["message"]) == (422, "the query holds a NUL")
    assert _call(_reading, path="/v1/a\n", query=b"x=%0a%2500")[0] == 200


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


def test_every_request_has_an_id_and_goes_on_with_its_callers_trace(caplog):
    caplog.set_level(logging.INFO, "pgward.ca.access")
    trace = "0af7651916cd43dd8448eb211c80319c"
    parent = [(b"traceparent", f"00-{trace}-b7ad6b7169203331-01".encode())]
    _, first, _ = _call(_reading)
    _, second, _ = _call(_reading, headers=parent)
    ids = [record.fields["request_id"] for record in caplog.records]
    assert ids == [headers[b"x-request-id"].decode() for headers in (first, second)]
    assert len(set(ids)) == 2
    assert [record.fields.get("trace_id") for record in caplog.records] == [None, trace]


def test_who_proved_to_be_someone_is_told(caplog):
    caplog.set_level(logging.INFO, "pgward.ca.access")

    async def proved(_scope, _receive, send):
        caller.is_now("alice")
        await send({"type": "http.response.start", "status": 200, "headers": []})

    _call(proved)
    caller.is_now("nobody: there is no request")
    fields = caplog.records[0].fields
    told = {name: fields[name] for name in ("method", "route", "path", "status", "actor", "client")}
    assert told == {
        "method": "POST",
        "route": "unmatched",
        "path": "/v1/x",
        "status": 200,
        "actor": "alice",
        "client": "10.0.0.1",
    }


def test_too_many_requests_are_refused_before_the_body_is_read():
    limits = Limits(LimitSettings(address_per_second=1))
    answers = [_call(_reading, limits=limits) for _ in range(21)]
    assert [status for status, _, _ in answers] == [200] * 20 + [429]
    _, headers, body = answers[-1]
    assert headers[b"retry-after"] == b"1"
    assert json.loads(body)["error"] == {
        "code": "rate_limited",
        "message": "too many requests from this address",
        "hint": "try again in 1 seconds",
        "fields": [],
    }


def test_only_a_trusted_proxy_says_whom_it_asks_for():
    forwarded = [(b"x-forwarded-for", b"192.0.2.7")]
    trusted, other = networks.parse(["10.0.0.0/8"]), networks.parse(["172.16.0.0/12"])
    assert _call(_reading, headers=forwarded)[2] == b"10.0.0.1"
    assert _call(_reading, headers=forwarded, proxies=other)[2] == b"10.0.0.1"
    assert _call(_reading, headers=forwarded, proxies=trusted)[2] == b"192.0.2.7"
    twice = [*forwarded, (b"x-forwarded-for", b"192.0.2.8")]
    assert _call(_reading, headers=twice, proxies=trusted)[2] == b"192.0.2.8"


def test_observers_are_told_the_route_the_status_and_odd_methods():
    told = []

    class Observer:
        def step(self, name, labels):
            told.append((name, sorted(labels)))
            return self

        def __enter__(self):
            return self

        def __exit__(self, *_error):
            pass

        def add(self, **labels):
            told.append(labels)

    end = observe.watch(Observer())
    _call(_reading)
    end()
    assert told == [
        ("request", ["id", "parent"]),
        {"method": "POST", "route": "unmatched", "status": "200"},
    ]
