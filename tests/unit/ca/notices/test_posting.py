import socket
from pathlib import Path

import pytest

from pgward.ca.notices.channel import ChannelError
from pgward.ca.notices.posting import post

pytest_plugins = ["tests.fixtures.receivers"]


def send(receiver, *, ca_file="", scheme=None):
    url = f"{scheme or receiver.scheme}://{receiver.address}/secret-path"
    post(url, b"{}", {"x-a": "b"}, ca_file=ca_file, directory=Path())


def test_json_is_posted_over_tls(receiver, tls_world):
    send(receiver, ca_file=str(tls_world.ca))
    ((path, headers, body),) = receiver.requests
    assert (path, body) == ("/secret-path", b"{}")
    headers = {key.lower(): value for key, value in headers.items()}
    assert headers["content-type"] == "application/json"
    assert headers["x-a"] == "b"


@pytest.mark.parametrize(
    ("status", "for_good"), [(500, False), (403, False), (302, False), (400, True)]
)
def test_a_refusal_is_said_without_the_address(plain_receiver, status, for_good):
    plain_receiver.status = status
    with pytest.raises(ChannelError) as caught:
        send(plain_receiver)
    assert caught.value.message == f"localhost answers with HTTP status {status}"
    assert caught.value.for_good is for_good
    assert len(plain_receiver.requests) == 1  # a redirect is not followed


def test_a_receiver_that_is_not_trusted_gets_nothing(receiver):
    with pytest.raises(ChannelError, match="certificate verify failed") as caught:
        send(receiver)
    assert "secret-path" not in caught.value.message
    assert receiver.requests == []


def test_one_that_is_away_is_named():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ChannelError, match=r"^localhost cannot be reached: "):
        post(f"http://localhost:{port}/", b"", {}, ca_file="", directory=Path())


def test_proxies_of_the_environment_are_not_for_this_machine(plain_receiver, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    send(plain_receiver)
    assert len(plain_receiver.requests) == 1
