import asyncio

import pytest

from pgward.ca.acme import http01, identifiers
from pgward.ca.acme.problems import AcmeError
from pgward.ca.acme.targets import Targets
from tests.fixtures.responders import http_files, http_responder

NAME, OTHER = identifiers.dns("a.test"), identifiers.dns("b.test")
TOKEN, EXPECTED = "token", "token.thumbprint"
PATH = f"{http01.PATH}{TOKEN}"


def _check(server, identifier=NAME, *, may_follow=False):
    fixed = {"a.test": "127.0.0.1", "b.test": "127.0.0.1"}
    checking = http01.check(
        identifier,
        TOKEN,
        EXPECTED,
        targets=Targets((), fixed),
        port=server.port,
        may_follow=lambda _host: may_follow,
    )
    asyncio.run(checking)


@pytest.mark.parametrize("text", [EXPECTED, f"{EXPECTED}\n", f"{EXPECTED} \r\n"])
def test_a_host_that_answers_is_believed(text):
    with http_responder(http_files({TOKEN: text})) as server:
        _check(server)
    assert server.asked == [(f"a.test:{server.port}", PATH)]


def test_an_address_is_asked_by_its_address():
    with http_responder(http_files({TOKEN: EXPECTED})) as server:
        _check(server, identifiers.ip("127.0.0.1"))
    assert server.asked == [(f"127.0.0.1:{server.port}", PATH)]


@pytest.mark.parametrize(
    ("status", "body", "what"),
    [
        (200, b"", "not the key authorization"),
        (200, b"other", "not the key authorization"),
        (200, b" " + EXPECTED.encode(), "not the key authorization"),
        (200, b"\xff\xfe", "not the key authorization"),
        (200, EXPECTED.encode() + b"\n" * 9999, "over 4096 bytes"),
        (404, EXPECTED.encode(), "status 404"),
        (204, b"", "status 204"),
        (500, b"secret of somebody", "status 500"),
    ],
)
def test_other_answers_are_refused_and_not_told(status, body, what):
    with (
        http_responder(lambda handler: handler.reply(status, body)) as server,
        pytest.raises(AcmeError, match=what) as caught,
    ):
        _check(server)
    assert caught.value.kind == "unauthorized"
    assert "secret" not in str(caught.value.document())


def _redirecting(location: str):
    def answer(handler):
        if handler.path == PATH:
            handler.reply(302, Location=location.format(port=handler.server.port))
        else:
            handler.reply(200, EXPECTED.encode())

    return answer


@pytest.mark.parametrize(
    "location", ["/elsewhere", "elsewhere?x=1", "http://a.test:{port}/x", "//A.test:{port}/x"]
)
def test_a_redirect_on_the_host_is_followed(location):
    with http_responder(_redirecting(location)) as server:
        _check(server)
    assert len(server.asked) == 2


def test_a_redirect_to_another_host_is_followed_when_the_account_may_have_it():
    with http_responder(_redirecting("http://b.test:{port}/x")) as server:
        _check(server, may_follow=True)
        with pytest.raises(AcmeError, match="a name of somebody else"):
            _check(server)
    assert [host for host, _ in server.asked] == [
        f"{name}:{server.port}" for name in ("a.test", "b.test", "a.test")
    ]


@pytest.mark.parametrize(
    "location",
    [
        *("https://a.test/x", "ftp://a.test/x", "file:///etc/passwd", "gopher://a.test/"),
        *("http://a.test/x", "http://a.test:22/x", "http://a.test:99999/", "http://[::1/"),
        *("http://u:p@a.test:{port}/x", "http://*.test:{port}/x", ""),
        *("http://a_b:{port}/x", "http://2130706433:{port}/", "http://a.test:{port}/\x01"),
        "/" + "x" * 3000,
    ],
)
def test_other_redirects_are_not_followed(location):
    with http_responder(_redirecting(location)) as server, pytest.raises(AcmeError) as caught:
        _check(server, may_follow=True)
    assert caught.value.kind == "connection"
    assert len(server.asked) == 1


def test_redirects_end():
    def again(handler):
        handler.reply(301, Location=f"{handler.path}x")

    with http_responder(again) as server, pytest.raises(AcmeError, match="more than 5 redirects"):
        _check(server)
    assert len(server.asked) == 6


def test_a_host_that_does_not_answer_is_told():
    with http_responder(http_files({})) as server:
        pass
    with pytest.raises(AcmeError, match=r"http to a.test port \d+ failed") as caught:
        _check(server)
    assert caught.value.kind == "connection"


@pytest.mark.parametrize("garbage", [b"", b"\x00" * 100, b"HTTP/9.9 x\r\n\r\n", b"x" * 200_000])
def test_garbage_is_one_kind_of_error(garbage):
    def answer(handler):
        handler.wfile.write(garbage)
        handler.close_connection = True

    with http_responder(answer) as server, pytest.raises(AcmeError) as caught:
        _check(server)
    assert caught.value.kind == "connection"


def test_a_host_that_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(http01, "SECONDS", 0.2)
    with (
        http_responder(lambda handler: handler.rfile.read(1)) as server,
        pytest.raises(AcmeError, match="failed"),
    ):
        _check(server)
