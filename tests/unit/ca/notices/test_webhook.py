import base64
import hashlib
import hmac
import json
from pathlib import Path

import pytest

from pgward.ca.notices.channel import ChannelError, Parcel
from pgward.ca.notices.notice import PERSONAL, Kind
from pgward.ca.notices.settings import WebhookSettings
from pgward.ca.notices.webhook import Webhook, key_of, signed
from tests.fixtures.notices import ID, NOW, message

pytest_plugins = ["tests.fixtures.receivers"]
# The example of the standard's own test suite.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def channel(receiver, directory):
    (directory / "secret").write_text(SECRET + "\n")
    url = f"http://{receiver.address}/hook"
    return Webhook(WebhookSettings(url, "secret"), directory, lambda: NOW)


def test_the_signature_is_the_standards():
    headers = signed(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', key_of(SECRET)
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_receiver_gets_the_facts_as_they_are(plain_receiver, tmp_path):
    told = message(reason="<b>&\n", link="https://ca.example.com/decide?link=x")
    assert list(channel(plain_receiver, tmp_path).send([Parcel(told)])) == [None]
    ((path, headers, body),) = plain_receiver.requests
    headers = {key.lower(): value for key, value in headers.items()}
    assert path == "/hook"
    found = json.loads(body)
    assert found["type"] == "access.asked"
    assert found["timestamp"] == "2026-11-23T09:00:00Z"
    assert found["data"]["request"] == "r7k2"
    assert found["data"]["reason"] == "<b>&\n"
    assert found["data"]["link"] == "https://ca.example.com/decide?link=x"
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    content = f"{ID}.{int(NOW.timestamp())}.".encode() + body
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_what_is_refused_for_good_holds_up_nothing(plain_receiver, tmp_path):
    plain_receiver.status = 422
    outcomes = list(channel(plain_receiver, tmp_path).send([Parcel(message())] * 2))
    assert [each.for_good for each in outcomes] == [True, True]
    plain_receiver.status = 503
    with pytest.raises(ChannelError, match="503"):
        list(channel(plain_receiver, tmp_path).send([Parcel(message())]))


@pytest.mark.parametrize(
    "text", ["whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_short", "whsec_***"]
)
def test_a_weak_secret_is_refused_and_not_quoted(text):
    with pytest.raises(ChannelError) as caught:
        key_of(text)
    assert "short" not in caught.value.message


def test_it_takes_the_kinds_that_settings_name():
    chosen = Webhook(WebhookSettings("u", "s", kinds=("asked",)), Path(), lambda: NOW)
    assert [each for each in Kind if chosen.takes(each)] == [Kind.ASKED]
    every = Webhook(WebhookSettings("u", "s"), Path(), lambda: NOW)
    assert {each for each in Kind if not every.takes(each)} == PERSONAL
