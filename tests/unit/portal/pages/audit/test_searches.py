import pytest

NASTY = "<b onload=x>'\"&amp;"
PAGE = "/audit/searches"


@pytest.fixture
def otto(web, api):
    api.add("otto", "auditors")
    return web.sign_in("otto")


def test_a_search_is_kept_and_forgotten(otto):
    otto.open("/audit/events?action=session.start&since=24h")
    page = otto.press("Keep", name="logins today")
    assert page.answer.url.query == b"since=24h&action=session.start"
    assert "The search logins today is kept." in page.text
    assert otto.open("/audit/events").links["logins today"] == (
        "/audit/events?since=24h&action=session.start"
    )
    otto.open(PAGE)
    page = otto.press("Forget")
    assert "The search logins today is forgotten." in page.text
    assert "You keep no search yet" in page.text


def test_names_are_text(otto):
    otto.open(f"/audit/events?actor={NASTY}")
    otto.press("Keep", name=NASTY)
    for path in (PAGE, "/audit/events"):
        answer = otto.open(path).answer
        assert "onload" in answer.text
        assert "<b onload" not in answer.text


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"name": " ", "page": "events"}, 422),
        ({"name": "x", "page": "elsewhere"}, 422),
        ({"name": "x", "page": "events", "query": "a b"}, 422),
        ({"name": "x", "act": "forget"}, 404),
    ],
)
def test_what_is_no_search_is_refused(otto, fields, status):
    token = otto.open("/audit/events").forms[0].fields["csrf"]
    assert otto.send(PAGE, {"csrf": token, **fields}).status == status
