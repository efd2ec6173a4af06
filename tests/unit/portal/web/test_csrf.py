import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st

from pgward.core.errors import DeniedError
from pgward.portal.web import csrf
from pgward.portal.web.browser import Browser

ORIGIN = "https://ca.test"
BROWSER = Browser("A" * 43, "")


def request(**headers):
    given = {"origin": ORIGIN, "sec-fetch-site": "same-origin"} | headers
    return Request(
        {
            "type": "http",
            "headers": [
                (name.replace("_", "-").encode(), value.encode()) for name, value in given.items()
            ],
        }
    )


def test_each_page_has_another_token_and_all_are_good():
    one, other = csrf.token(BROWSER), csrf.token(BROWSER)
    assert one != other
    for each in (one, other):
        csrf.check(request(), BROWSER, ORIGIN, each)


@given(st.text(max_size=120))
def test_no_other_text_is_good(text):
    with pytest.raises(DeniedError):
        csrf.check(request(), BROWSER, ORIGIN, text)


def test_it_is_of_this_browser():
    with pytest.raises(DeniedError):
        csrf.check(request(), BROWSER, ORIGIN, csrf.token(Browser("B" * 43, "")))
    new = Browser("A" * 43, "", is_new=True)
    with pytest.raises(DeniedError):
        csrf.check(request(), new, ORIGIN, csrf.token(new))


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://ca.test.evil.example"},
        {"origin": "http://ca.test"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "none"},
    ],
)
def test_another_site_cannot_send_it(headers):
    with pytest.raises(DeniedError):
        csrf.check(request(**headers), BROWSER, ORIGIN, csrf.token(BROWSER))
