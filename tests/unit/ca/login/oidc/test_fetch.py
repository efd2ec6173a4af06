import asyncio
import gzip
import ssl
import threading
from base64 import b64decode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import trustme

from pgward.ca.login.oidc import fetch
from pgward.ca.login.oidc.errors import ProviderAwayError, UntrustedError
from pgward.ca.login.oidc.fetch import HttpsFetcher, Reply


class Server:
    """Answers over TLS what a test says; ``heard`` is what it was asked."""

    def __init__(self) -> None:
        self.status, self.headers, self.body = 200, {}, b'{"a": 1}'
        self.heard: list[tuple[str, str, dict[str, str], bytes]] = []
        self.wait = threading.Event()
        self.wait.set()
        authority = trustme.CA()
        self.ca = authority.cert_pem.bytes().decode()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                server.heard.append((self.command, self.path, headers, body))
                server.wait.wait(10)
                try:
                    self.send_response(server.status)
                    for name, value in server.headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(server.body)
                except OSError:
                    pass  # who asked has heard enough

            do_POST = do_GET  # noqa: N815 - http.server calls it so

            def log_message(self, *_arguments: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.socket = context.wrap_socket(
            self.http.socket, server_side=True, do_handshake_on_connect=False
        )
        self.url = f"https://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self) -> None:
        self.wait.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def get(self, path: str = "/x", **options: Any) -> Reply:
        fetcher = HttpsFetcher(ca=self.ca, **options)
        return asyncio.run(fetcher.get(self.url + path, what="page", bearer="token"))


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def test_a_json_object_is_got(server) -> None:
    assert server.get("/x?y=1") == Reply(200, {"a": 1})
    ((method, path, headers, _),) = server.heard
    assert (method, path) == ("GET", "/x?y=1")
    assert headers["authorization"] == "Bearer token"
    assert headers["accept-encoding"] == "identity"


def test_a_form_is_posted(server) -> None:
    fetcher = HttpsFetcher(ca=server.ca)
    form = {"a": "b&c", "d": "é"}
    server.status = 400
    found = asyncio.run(fetcher.post(server.url, form, what="page", basic=("us%3Aer", "s")))
    assert found == Reply(400, {"a": 1})
    ((method, _, headers, body),) = server.heard
    assert (method, body) == ("POST", b"a=b%26c&d=%C3%A9")
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert b64decode(headers["authorization"].removeprefix("Basic ")) == b"us%3Aer:s"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(server, status) -> None:
    server.status, server.headers = status, {"Location": f"{server.url}/elsewhere"}
    with pytest.raises(UntrustedError, match="its page leads elsewhere, which is not followed"):
        server.get()
    assert [path for _, path, _, _ in server.heard] == ["/x"]


def test_an_endless_answer_is_cut_off(server) -> None:
    server.body = b'{"a": "' + b"x" * (fetch.MAX_BODY * 4)
    with pytest.raises(UntrustedError, match="its page is longer than 256 KiB"):
        server.get()


def test_a_compressed_answer_is_not_unpacked(server) -> None:
    server.headers, server.body = {"Content-Encoding": "gzip"}, gzip.compress(b'{"a": 1}')
    with pytest.raises(UntrustedError, match="its page is compressed"):
        server.get()


def test_a_slow_answer_is_given_up(server) -> None:
    server.wait.clear()
    with pytest.raises(ProviderAwayError, match="its page took too long"):
        server.get(seconds=0.2)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_provider_in_trouble_is_away(server, status) -> None:
    server.status = status
    with pytest.raises(ProviderAwayError, match=f"its page answered {status}"):
        server.get()


@pytest.mark.parametrize("body", [b"<html>", b"", b"[1]", b'{"a":1,"a":2}', b"\xff", b"NaN"])
def test_only_a_json_object_counts(server, body) -> None:
    server.body = body
    with pytest.raises(UntrustedError, match="its page answered 200 and no JSON"):
        server.get()


def test_nothing_is_said_of_what_else_was_there(server) -> None:
    server.status, server.body = 404, b"internal secrets"
    with pytest.raises(UntrustedError) as refused:
        server.get()
    assert "internal" not in refused.value.message


def test_only_its_own_ca_is_trusted(server) -> None:
    other = HttpsFetcher(ca=trustme.CA().cert_pem.bytes().decode())
    with pytest.raises(ProviderAwayError, match=r"cannot be reached: .*certificate verify failed"):
        asyncio.run(other.get(server.url, what="page"))
    with pytest.raises(ProviderAwayError, match="certificate verify failed") as refused:
        asyncio.run(HttpsFetcher().get(server.url, what="page"))
    assert "pgward idp add --ca-file" in str(refused.value.hint)


def test_nobody_there_is_told(server) -> None:
    server.http.server_close()
    with pytest.raises(ProviderAwayError, match="its page cannot be reached: "):
        server.get()


def test_a_proxy_is_used_when_configured_and_none_of_the_environment(server, monkeypatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert server.get().status == 200
    with pytest.raises(ProviderAwayError):
        server.get(proxy="http://127.0.0.1:1")
