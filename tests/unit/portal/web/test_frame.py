import json
from base64 import urlsafe_b64encode

import pytest

from pgward.portal.web.browser import TOLD


def told(**fields):
    return urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=").decode()


def test_what_was_done_is_told_once(web, api):
    api.add("alice")
    web.sign_in("alice")
    web.client.cookies.set(TOLD, told(kind="done", text="<b>it is done"))
    page = web.open("/databases")
    assert "&lt;b&gt;it is done" in page.answer.text
    assert f'{TOLD}=""' in page.answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "value", ["x", "====", told(kind="x", text="y"), told(kind="done", text=1), told(kind="done")]
)
def test_what_is_no_word_of_ours_is_not(web, api, value):
    api.add("alice")
    web.sign_in("alice")
    web.client.cookies.set(TOLD, value)
    page = web.open("/databases")
    assert page.status == 200
    assert "notice" not in page.answer.text


def test_every_page_has_its_headers(web, api):
    api.add("alice")
    page = web.sign_in("alice").open("/databases")
    assert page.answer.headers["cache-control"] == "no-store"
    policy = page.answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
