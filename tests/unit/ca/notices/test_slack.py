import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgward.ca.notices.channel import ChannelError, Parcel
from pgward.ca.notices.notice import PERSONAL, Kind
from pgward.ca.notices.settings import SlackSettings
from pgward.ca.notices.slack import Slack, blocks, escaped
from tests.fixtures.notices import message

pytest_plugins = ["tests.fixtures.receivers"]
LINK = "https://ca.example.com/decide?link=abc"


def test_a_question_in_blocks():
    assert blocks(message(link=LINK)) == {
        "text": f"ana asks for access to shop <{LINK}|Decide>",
        "unfurl_links": False,
        "blocks": [
            {
                "type": "header",
                "text": {
                    "type": "plain_text",
                    "text": "ana asks for access to shop",
                    "emoji": False,
                },
            },
            {
                "type": "section",
                "text": {
                    "type": "plain_text",
                    "text": "what: bundle shop-reading\nfor: 2 hours\n"
                    "reason: TICKET-1: orders are stuck\n"
                    "answer until: 2026-11-24T09:00:00Z\nrequest: r7k2",
                    "emoji": False,
                },
            },
            {
                "type": "section",
                "text": {"type": "mrkdwn", "text": f"<{LINK}|Decide>", "verbatim": True},
            },
            {
                "type": "section",
                "text": {
                    "type": "mrkdwn",
                    "text": "`pgward approve r7k2`\n`pgward deny r7k2 --reason WHY`",
                    "verbatim": True,
                },
            },
        ],
    }


def test_nobody_calls_the_channel_or_links_elsewhere_with_a_reason():
    evil = "<!channel> <https://evil.example|Approve here> & *bold*"
    found = blocks(message(reason=evil, person=evil, link=LINK))
    marked = [found["text"]]
    marked += [each["text"]["text"] for each in found["blocks"] if each["text"]["type"] == "mrkdwn"]
    for text in marked:
        assert "<" not in text.replace(f"<{LINK}|Decide>", "")
    assert escaped(evil).startswith("&lt;!channel&gt;")


@settings(max_examples=50)
@given(st.text(st.characters(exclude_categories=()), max_size=80))
def test_whatever_people_write_fits_and_can_be_sent(text):
    found = blocks(message(reason=text, person=text, asked_for=[text], note=text))
    json.dumps(found, ensure_ascii=False).encode()
    assert not set("<>") & set(found["text"])


def test_long_texts_fit_what_slack_takes():
    found = blocks(message(asked_for=["x" * 500] * 30, person="p" * 300))
    assert len(found["blocks"][0]["text"]["text"]) <= 150
    assert len(found["blocks"][1]["text"]["text"]) <= 3000


def test_it_goes_to_the_address_of_the_file(plain_receiver, tmp_path):
    (tmp_path / "url").write_text(f"http://{plain_receiver.address}/services/T0/B0/x\n")
    channel = Slack(SlackSettings("url"), tmp_path)
    assert list(channel.send([Parcel(message())])) == [None]
    ((path, _, body),) = plain_receiver.requests
    assert path == "/services/T0/B0/x"
    assert json.loads(body) == blocks(message())
    plain_receiver.status = 400
    (refused,) = channel.send([Parcel(message())])
    assert refused.for_good
    plain_receiver.status = 404
    with pytest.raises(ChannelError, match="404"):
        list(channel.send([Parcel(message())]))


def test_an_address_that_is_none_is_refused_and_not_quoted(tmp_path):
    (tmp_path / "url").write_text("http://example.com/secret")
    with pytest.raises(ChannelError, match=r"^url_file: url must begin with https://") as caught:
        list(Slack(SlackSettings("url"), tmp_path).send([Parcel(message())]))
    assert "secret" not in caught.value.message


def test_it_takes_the_kinds_that_settings_name():
    chosen = Slack(SlackSettings("url", kinds=("asked",)), Path())
    assert [each for each in Kind if chosen.takes(each)] == [Kind.ASKED]
    every = Slack(SlackSettings("url"), Path())
    assert {each for each in Kind if not every.takes(each)} == PERSONAL
