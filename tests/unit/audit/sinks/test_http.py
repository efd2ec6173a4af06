import pytest

from pgward.audit.sinks.http import Poster
from pgward.audit.sinks.schemes import parse
from pgward.audit.sinks.sink import SinkError


@pytest.fixture
def poster(receiver, tls_world):
    made = Poster(parse(f"otlp+https://{receiver.address}/in?a=b#ca={tls_world.ca}"), {"X-A": "1"})
    yield made
    made.close()


def test_it_posts_over_tls_and_returns_the_answer(poster, receiver):
    receiver.answer = b"taken"
    assert poster.post(b"body", {"X-B": "2"}) == b"taken"
    ((path, headers, body),) = receiver.requests
    assert (path, headers["X-A"], headers["X-B"], body) == ("/in?a=b", "1", "2", b"body")
    assert headers["User-Agent"].startswith("pgward/")


@pytest.mark.parametrize(
    ("status", "passing"), [(503, True), (429, True), (400, False), (302, False)]
)
def test_failures_say_whether_they_will_pass(poster, receiver, status, passing):
    receiver.status, receiver.answer = status, b"an answer that is not quoted"
    with pytest.raises(SinkError, match=f"localhost answers with HTTP status {status}$") as caught:
        poster.post(b"", {})
    assert caught.value.retryable is passing


def test_a_server_that_is_a_stranger_is_an_error_that_passes(receiver):
    stranger = Poster(parse(f"otlp+https://{receiver.address}/"), {})
    with pytest.raises(SinkError, match="cannot be reached") as caught:
        stranger.post(b"", {})
    assert caught.value.retryable
    assert receiver.requests == []
    stranger.close()
