import json
from base64 import urlsafe_b64encode

import pytest

from pgward.portal.web.browser import TOLD
from pgward.portal.web.frame import Frame


def told(**fields):
    return urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=").decode()


def test_what_was_done_is_told_once(web, api):
    api.add("alice")
    web.sign_in("alice")
    web.client.cookies.set(TOLD, told(kind="done", text="<b>it is done"))
    page = web.open("/databases")
    assert "&lt;b&gt;it is done" in page.answer.text
    assert f'{TOLD}=""' in page.answer.headers["set-cookie"]


DEEP = urlsafe_b64encode(b"[" * 100_000).decode()


@pytest.mark.parametrize(
    "value",
    ["x", "====", told(kind="x", text="y"), told(kind="done", text=1), told(kind="done"), DEEP],
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


def test_a_link_keeps_the_query_but_for_what_changes(web, api, monkeypatch):
    api.add("alice")
    web.sign_in("alice")
    made = []
    shown = Frame.show

    def show(frame, template, /, **facts):
        made.append((frame.link(), frame.link(b=None), frame.link(a="x&y", c="ü")))
        return shown(frame, template, **facts)

    monkeypatch.setattr(Frame, "show", show)
    web.open("/databases?a=1&b=2")
    assert made == [
        ("/databases?a=1&b=2", "/databases?a=1", "/databases?a=x%26y&b=2&c=%C3%BC"),
    ]
