"""Every form, path and query with what nobody sends in good faith: none makes a page fail.

Each is sent some of the values, so that together they see all; and in the long run every one.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tests.fixtures import page_routes
from tests.fixtures.nasty_names import NASTY
from tests.fixtures.page_forms import Sender, discovered
from tests.fixtures.page_routes import PageAt
from tests.fixtures.portal_world import EVIL
from tests.fixtures.web_person import WebPerson

SOME = ("newline", "reordering", "path", "dollar tag", "zero byte", "escape", "empty", "64 letters")
VALUES = [
    *(NASTY[each] for each in SOME),
    *(EVIL, "x" * 20_000, "-1", "9" * 400, "NaN", "true", "\ufffe\U0010ffff", "a" * 32, "[]"),
    *("\U0001f600" * 900, "[" * 9_000),
]
# In a path, where %2f would be a slash.
NAMES = [each for each in VALUES if len(each) < 1000] + ["..", ".", "%2e%2e", "a b", "ä", "'"]

_MOST_OF_AN_ADDRESS = 60_000
Some = Callable[[Sequence[str]], Sequence[str]]


def fitting(value: str, times: int) -> str:
    """Return as much of a value as an address has room for, so many times."""
    while len(quote(value)) * times > _MOST_OF_AN_ADDRESS:
        value = value[: len(value) // 2]
    return value


@pytest.fixture
def pages(app) -> list[PageAt]:
    page_routes.without_limits(app)
    return page_routes.every(app)


@pytest.fixture(params=[10, pytest.param(1, marks=pytest.mark.soak)], ids=["some", "all"])
def some(request) -> Some:
    """Return every tenth of values, from another one on each time."""
    beginnings = itertools.count()
    return lambda values: values[next(beginnings) % request.param :: request.param]


@pytest.fixture
def adam(app, portal_world) -> Sender:  # noqa: ARG001 - it is where he is
    return Sender(WebPerson(app), "adam")


def check(answer: httpx2.Response, *what: Any) -> None:
    """Fail for a failure, or for a page that runs what it was sent."""
    assert answer.status_code < 500, (what, answer.text)
    assert "<script>alert" not in answer.text, what
    assert "<img src=x" not in answer.text, what


def test_no_form_fails_nor_takes_what_it_does_not_know(
    adam, pages, some, portal_world, monkeypatch
):
    for page, model in list(discovered(pages, adam, monkeypatch)):
        path, names = (
            page.filled(portal_world.values(page.path)),
            set(model.model_fields) - {"csrf"},
        )
        if not names:
            continue  # it asks for nothing, and looks at nothing
        for value in some(VALUES):
            check(adam.send(path, dict.fromkeys(names, value)), page, value)
        check(adam.send(page.filled(), {each: ["a", "b"] for each in names}), page)
        answer = adam.send(page.filled(), {"administrator": "true"})
        assert answer.status_code in {404, 422}, (page, answer.text)


@pytest.mark.parametrize("who", ["adam", None], ids=["signed in", "not signed in"])
@pytest.mark.usefixtures("portal_world")
def test_no_path_and_no_query_fails(app, pages, some, who):
    web = WebPerson(app)
    if who is not None:
        web.sign_in(who)
    for page in (each for each in pages if each.method == "GET"):
        for value in some(NAMES) if page.nothing else ():
            path = page.filled(dict.fromkeys(page.nothing, value))
            check(web.client.get(path, follow_redirects=False), page, value)
        for value in some(VALUES) if page.queries else ():
            sent = dict.fromkeys(page.queries, fitting(value, len(page.queries)))
            check(web.client.get(page.filled(), params=sent, follow_redirects=False), page, value)


def test_no_path_of_a_form_fails(adam, pages, some):
    for page in (each for each in pages if each.method == "POST" and each.nothing):
        for value in some(NAMES):
            answer = adam.send(page.filled(dict.fromkeys(page.nothing, value)), {})
            check(answer, page, value)
