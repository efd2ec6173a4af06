"""A walk through all pages, by every link, in a world whose every free text is an attack."""

import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urldefrag, urljoin, urlsplit

import httpx2
import pytest
import sqlalchemy as sa

from pgward.ca.store import tables
from pgward.portal.web import assets, headers
from tests.fixtures import page_routes
from tests.fixtures.ca_service import URL
from tests.fixtures.markup import Markup
from tests.fixtures.page_routes import PageAt
from tests.fixtures.web_person import WebPerson

# Pages that go elsewhere, or show nothing without what came with the address.
_NOT_WALKED = {"/", "/sign-in/back", "/login", "/decide", "/static/{name}"}
PEOPLE = ("adam", "audrey", "dora", "ann", "bob")
_EACH = 3
"""So many pages of one route are looked at."""
_MOST_BYTES = 100_000
_IMPORT = re.compile(rb'from "(/static/[^"]+)"')
_COOKIE = {"secure", "httponly", "path=/", "samesite=lax"}


@dataclass
class Seen:
    """A page as it was answered, and where its address stood."""

    path: str
    of: str
    answer: httpx2.Response
    markup: Markup


class Walk:
    """Goes through all pages that somebody finds."""

    def __init__(self, web: WebPerson, pages: list[PageAt]) -> None:
        self._web = web
        self._pages = pages
        self._taken: Counter[object] = Counter()

    def begin(self) -> Iterator[Seen]:
        ahead = deque([("/", "the walk's beginning"), ("/sign-in", "the walk's beginning")])
        while ahead:
            path, of = ahead.popleft()
            if not self._is_new(path):
                continue
            answer = self._web.client.get(
                path, headers={"Accept": "text/html"}, follow_redirects=False
            )
            if answer.status_code == 303:
                ahead.append((answer.headers["location"], path))
                continue
            is_page = answer.headers.get("content-type", "").startswith("text/html")
            markup = Markup(answer.text if is_page else "<h1></h1>")
            yield Seen(path, of, answer, markup)
            ahead += [
                (found, path)
                for found in (urldefrag(urljoin(path, each)).url for each in markup.links)
                if found.startswith("/") and not found.startswith("//")
            ]

    def route(self, method: str, path: str) -> PageAt | None:
        """Return the route that answers, as the application finds it."""
        found = (each for each in self._pages if each.method == method)
        return next((each for each in found if _matches(each.path, urlsplit(path).path)), None)

    def _is_new(self, path: str) -> bool:
        route = self.route("GET", path)
        names = tuple(sorted(name for name, _ in parse_qsl(urlsplit(path).query)))
        kind = (route and route.path, names)
        self._taken[path] += 1
        self._taken[kind] += self._taken[path] == 1
        return self._taken[path] == 1 and self._taken[kind] <= _EACH


def _matches(pattern: str, path: str) -> bool:
    parts = re.sub(r"\{\w+:path\}", ".+", re.sub(r"\{\w+\}", "[^/]+", pattern))
    return re.fullmatch(parts, path) is not None


@pytest.fixture
def pages(app) -> list[PageAt]:
    page_routes.without_limits(app)
    return page_routes.every(app)


def weight(seen: Seen) -> int:
    """Return the bytes of a page and of all that it fetches, scripts of scripts, too."""
    wanted, found = list(seen.markup.fetched), dict[str, bytes]()
    while wanted:
        path = wanted.pop()
        if path not in found:
            found[path] = assets.find(path).content
            wanted += [each.decode() for each in _IMPORT.findall(found[path])]
    return len(seen.answer.content) + sum(map(len, found.values()))


def problems(walk: Walk, seen: Seen) -> Iterator[str]:
    """Tell what is wrong with a page."""
    answer = seen.answer
    if answer.status_code != 200:
        yield f"a link leads there, and it answers {answer.status_code}"
    yield from seen.markup.problems
    is_page = answer.headers["content-type"] == "text/html; charset=utf-8"
    wanted = headers.PAGE if is_page else headers.COMMON
    yield from (
        f"{name} is {answer.headers.get(name)!r}"
        for name, value in wanted.items()
        if answer.headers.get(name) != value
    )
    if not is_page and answer.headers["content-type"].startswith("text/html"):
        yield "it is HTML of no known encoding"
    for each in answer.headers.get_list("set-cookie"):
        name, *flags = [part.strip().lower() for part in each.split(";")]
        if not name.startswith("__host-") or not set(flags) >= _COOKIE:
            yield f"a cookie {each}"
    if is_page and weight(seen) > _MOST_BYTES:
        yield f"it weighs {weight(seen)} bytes"
    if "49&lt;b" in answer.text or ">49" in answer.text:
        yield "it renders what it shows as a template"
    for form in seen.markup.forms:
        action = urljoin(seen.path, form.action)
        if urlsplit(action).netloc or walk.route(form.method.upper(), action) is None:
            yield f"a form goes to {action}, where there is no page"


@pytest.mark.usefixtures("portal_world")
def test_every_page_that_somebody_finds_is_sound(app, pages):
    told, reached = {}, set()
    for who in PEOPLE:
        walk = Walk(WebPerson(app).sign_in(who), pages)
        for seen in walk.begin():
            reached.add(walk.route("GET", seen.path))
            found = list(problems(walk, seen))
            if found:
                told[f"{seen.path} of {who}, by {seen.of}"] = found
    assert told == {}
    wanted = {each for each in pages if each.method == "GET" and each.path not in _NOT_WALKED}
    assert {each.path for each in wanted - reached} == set(), "no link leads there"


def dump(store) -> dict[str, list[tuple[object, ...]]]:
    """Return what stands in each table."""
    with store.read() as connection:
        return {
            each.name: [tuple(row) for row in connection.execute(sa.select(each))]
            for each in tables.every()
        }


def changed(before, after) -> set[str]:
    """Return the tables that are not as they were, but for records of what was seen or refused.

    A head of the log is signed when somebody asks for one.
    """
    records = {"audit_events", "counters", "log_heads"}
    return {name for name in before if before[name] != after[name]} - records


def test_looking_changes_nothing(web, pages, portal_world):
    walk = Walk(web.sign_in("adam"), pages)
    before = dump(portal_world.store)
    for _ in walk.begin():
        pass
    assert changed(before, dump(portal_world.store)) == set()


def test_what_is_anothers_is_nobodys_business(web, pages, portal_world):
    web.sign_in("bob")
    csrf = web.open("/me").forms[0].fields["csrf"]
    before = dump(portal_world.store)
    for each in pages:
        if not each.nothing or not each.is_page or each.frames <= {"guest"}:
            continue
        path = each.filled(portal_world.known | {"service": "orders"})
        sent = {"Accept": "text/html"}
        if each.method == "GET":
            answer = web.client.get(path, headers=sent)
        else:
            sent |= {"Origin": URL, "Sec-Fetch-Site": "same-origin"}
            answer = web.client.post(path, data={"csrf": csrf}, headers=sent)
        # 422: a field of the form is missing, which is looked at first.
        assert answer.status_code in {403, 404, 422}, (each, answer.text)
        assert "script>alert" not in answer.text, each
    assert changed(before, dump(portal_world.store)) == set()
