import socket
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.client.login import loopback
from pgward.client.login.loopback import Loopback
from pgward.core.errors import UnavailableError


def visit(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers


@pytest.fixture
def waiting():
    """Wait for a redirect with the state `s1` beside what a test does."""
    with Loopback() as made, ThreadPoolExecutor(1) as thread:
        found = thread.submit(made.wait, "s1", seconds=10)
        yield made, found


def test_the_redirect_with_the_right_state_is_taken(waiting):
    made, found = waiting
    status, page, headers = visit(f"{made.redirect_uri}?code=c&state=s1&iss=https%3A%2F%2Fidp")
    assert found.result() == {"code": "c", "state": "s1", "iss": "https://idp"}
    assert (status, "Back to the terminal" in page) == (200, True)
    assert headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_everything_else_is_answered_404_and_waited_past(waiting):
    made, found = waiting
    base = made.redirect_uri.removesuffix("/callback")
    for url in (
        f"{base}/",
        f"{base}/favicon.ico",
        f"{made.redirect_uri}?code=c&state=other",
        f"{made.redirect_uri}?code=c",
        f"{made.redirect_uri}?code=c&state=s1&state=s1",
    ):
        assert visit(url)[0] == 404
    with socket.create_connection(("127.0.0.1", int(base.rsplit(":", 1)[1]))) as rude:
        rude.sendall(b"POST /callback?state=s1 HTTP/1.1\r\n\r\n")
        assert b"404" in rude.recv(100)
    assert not found.done()
    visit(f"{made.redirect_uri}?code=c&state=s1")
    assert found.result()["code"] == "c"


def test_a_refusal_is_shown_without_its_markup(waiting):
    made, found = waiting
    _, page, _ = visit(f"{made.redirect_uri}?error=no&error_description=%3Cscript%3E&state=s1")
    assert found.result()["error"] == "no"
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


def test_a_silent_client_holds_nothing_up(monkeypatch):
    monkeypatch.setattr(loopback, "_SLOWEST", 0.05)
    with Loopback() as made:
        port = int(made.redirect_uri.split(":")[2].split("/")[0])
        with socket.create_connection(("127.0.0.1", port)):
            threading.Thread(target=visit, args=(f"{made.redirect_uri}?state=s1",)).start()
            assert made.wait("s1", seconds=10) == {"state": "s1"}


def test_a_browser_that_never_comes_back():
    with Loopback() as made, pytest.raises(UnavailableError, match="did not come back"):
        made.wait("s1", seconds=0.05)


def test_one_of_the_ports_that_a_provider_allows_is_taken():
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        socket.create_server(("127.0.0.1", 0)) as free,
    ):
        ports = [each.getsockname()[1] for each in (taken, free)]
        free.close()
        with Loopback(ports) as made:
            assert made.redirect_uri == f"http://127.0.0.1:{ports[1]}/callback"
            with pytest.raises(UnavailableError, match="are taken here") as caught:
                Loopback(ports, again="pgward step-up orders")
    assert caught.value.hint == "end what uses one of them, then pgward step-up orders"


@given(st.binary(max_size=200))
def test_no_request_is_too_strange(head):
    found = loopback._parameters(head)
    assert found is None or isinstance(found, dict)
