"""Who gets past the door of each page: every route that there is, as pages come and go."""

from itertools import cycle

import pytest

from pgward.portal.web.browser import BROWSER, SESSION
from tests.fixtures import page_routes
from tests.fixtures.ca_service import URL
from tests.fixtures.page_routes import PageAt
from tests.fixtures.web_person import WebPerson

# What anybody may open: signing in, and what a sealed link of a message or a terminal opens.
FOR_ANYBODY = {
    *("GET /sign-in", "POST /sign-in", "POST /sign-in/answer", "GET /sign-in/back"),
    *("GET /login", "POST /login/code", "POST /login/used", "POST /login/made"),
    *("GET /decide", "POST /decide", "GET /static/{name}", "GET /welcome", "POST /welcome"),
}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ELSEWHERE = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": URL.replace("https", "http")},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
)
ADMINISTRATORS = ("/admin",)
AUDITORS = ("/audit",)


@pytest.fixture
def pages(app) -> list[PageAt]:
    page_routes.without_limits(app)
    return page_routes.every(app)


@pytest.fixture
def bob(web, api) -> WebPerson:
    """Somebody whom nothing is open to."""
    api.add("bob")
    return web.sign_in("bob")


def call(web: WebPerson, method: str, path: str, body: bytes = b"", **headers: str):
    """Ask as a page of ours would, and see what the answer is itself."""
    sent = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
    if method == "POST":
        sent |= {"Origin": URL, **FORM}
    return web.client.request(
        method, path, content=body, headers=sent | headers, follow_redirects=False
    )


def token(web: WebPerson) -> str:
    return web.open("/me").forms[0].fields["csrf"]


def test_what_is_open_to_anybody_is_known(pages):
    found = {str(each) for each in pages if each.frames <= {"guest"}}
    assert found == FOR_ANYBODY


def test_a_page_is_for_who_its_address_says(pages):
    """A page below /admin that forgot to ask for an administrator would be everybody's."""
    for each in pages:
        if each.path.startswith(ADMINISTRATORS):
            assert "administrator" in each.frames, each
        if each.path.startswith(AUDITORS):
            assert each.frames & {"administrator", "auditor"}, each


def test_no_page_stands_behind_another(pages):
    """Of two routes that match, the one that was registered first answers."""
    for each in pages:
        path = each.filled()
        found = (one for one in pages if one.method == each.method and one.matches(path))
        assert str(next(found)) == str(each)


def test_nobody_sees_a_page_unless_signed_in(web, api, pages):  # noqa: ARG001 - it runs
    for each in (each for each in pages if str(each) not in FOR_ANYBODY):
        # What is no form would be told so, if it were read.
        answer = call(web, each.method, each.filled(), b"x", **{"Content-Type": "text/plain"})
        where = answer.headers.get("location", "")
        assert (answer.status_code, where.partition("?")[0]) == (303, "/sign-in"), each
        assert answer.text == ""


def test_what_is_for_administrators_and_auditors_is_for_nobody_else(bob, pages):
    csrf = token(bob)
    for each in (each for each in pages if each.frames & {"administrator", "auditor"}):
        answer = call(bob, each.method, each.filled(), f"csrf={csrf}".encode())
        assert answer.status_code == 403, each


def forms_of(pages: list[PageAt]) -> list[PageAt]:
    return [each for each in pages if each.method == "POST" and each.is_page]


def test_a_form_counts_only_with_the_token_of_this_browser(bob, app, api, pages):
    other = WebPerson(app)
    api.add("eve")
    strange = token(other.sign_in("eve"))
    own = token(bob)
    wrong = cycle([b"csrf=", b"csrf=x", f"csrf={strange}".encode(), f"CSRF={own}".encode()])
    for each in forms_of(pages):
        for body in (b"", next(wrong)):
            assert call(bob, "POST", each.filled(), body).status_code == 403, (each, body)


def test_a_form_of_another_site_is_refused(bob, pages):
    """Each page is tried in one of these ways, as one function looks at them for all."""
    ways = cycle(ELSEWHERE)
    body = f"csrf={token(bob)}".encode()
    for each in forms_of(pages):
        headers = next(ways)
        answer = call(bob, "POST", each.filled(), body, **headers)
        assert answer.status_code == 403, (each, headers)


def test_a_body_that_is_no_form_is_not_read(bob, pages):
    kinds = cycle(["", "text/plain", "application/json", "multipart/form-data; boundary=x"])
    body = f"csrf={token(bob)}".encode()
    for each in forms_of(pages):
        kind = next(kinds)
        answer = call(bob, "POST", each.filled(), body, **{"Content-Type": kind})
        assert answer.status_code == 415, (each, kind)


def test_a_page_takes_no_other_method(bob, pages):
    methods = cycle(["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "HEAD"])
    for path in {each.filled() for each in pages}:
        known = {each.method for each in pages if each.matches(path)}
        for method in {"GET", "POST", next(methods)} - known:
            answer = call(bob, method, path, b"csrf=")
            assert answer.status_code in {404, 405}, (method, path)


def test_a_cookie_alone_opens_nothing_anywhere_else(bob, app, pages):
    thief = WebPerson(app)
    thief.client.cookies.set(SESSION, bob.client.cookies[SESSION])
    signed = [each for each in pages if each.frames - {"guest"}]
    for each in signed[:3]:
        assert call(thief, each.method, each.filled()).status_code == 403, each
    thief.client.cookies.set(BROWSER, "x" * 43)
    assert call(thief, "GET", "/me").status_code == 403
