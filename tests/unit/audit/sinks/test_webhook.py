import hashlib
import hmac

import pytest

from pgward.audit.sinks.schemes import parse
from pgward.audit.sinks.webhook import HEADER, WebhookSink, signature
from pgward.core.errors import InvalidInputError


def test_each_batch_is_a_request_signed_with_the_secret(receiver, tls_world, tmp_path):
    (tmp_path / "key").write_bytes(b"s3cret\n")
    options = f"ca={tls_world.ca},secret=file:{tmp_path}/key"
    sink = WebhookSink.of(parse(f"webhook+https://{receiver.address}/hook#{options}"))
    sink.deliver([b"one", b"two"])
    sink.close()
    ((path, headers, body),) = receiver.requests
    assert (path, body) == ("/hook", b"one\ntwo\n")
    assert headers["Content-Type"] == "application/x-ndjson"
    moment, digest = (part.partition("=")[2] for part in headers[HEADER].split(","))
    expected = hmac.new(b"s3cret", moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert digest == expected


def test_the_time_is_signed_too():
    first, second = signature(b"k", 1, b"x"), signature(b"k", 2, b"x")
    assert first.partition(",")[0] == "t=1"
    assert first.partition(",")[2] != second.partition(",")[2]


def test_a_webhook_without_a_secret_is_refused():
    with pytest.raises(InvalidInputError, match="needs a secret"):
        WebhookSink.of(parse("webhook+https://localhost/"))
