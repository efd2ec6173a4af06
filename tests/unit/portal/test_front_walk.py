"""A walk through all pages, by every link, in a world whose every free text is an attack."""

import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import pytest
import sqlalchemy as sa

from pgward.ca.store import tables
from pgward.portal.web import assets, headers
from tests.fixtures import page_routes
from tests.fixtures.ca_service import URL
from tests.fixtures.page_routes import PageAt
from tests.fixtures.page_walk import Seen, Walk
from tests.fixtures.web_person import WebPerson

# Pages that show nothing without what came with the address, and other names of pages.
_NOT_WALKED = {
    *("/sign-in/back", "/login", "/decide", "/static/{name}", "/welcome", "/welcome/in"),
    *("/admin/services", "/admin/policies"),
    "/sessions/{edge}/{session}/recording/part",  # for the player's script
    "/databases/{service}/sql/{editor_id}",  # which needs an edge
}
UNLINKED = {"adam": ["/design"]}
PEOPLE = ("adam", "audrey", "ann", "bob")
_MOST_BYTES = 100_000
_IMPORT = re.compile(rb'from "(/static/[^"]+)"')
_COOKIE = {"secure", "httponly", "path=/", "samesite=lax"}


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
    if "62615533" in answer.text:  # what the template in its names would make
        yield "it renders what it shows as a template"
    route = walk.route("GET", seen.path)
    actions = {form.action for form in seen.markup.forms}
    if (
        answer.status_code == 200
        and is_page
        and route is not None
        and "signed" in route.frames
        and "/sign-out" not in actions
    ):
        yield "nobody can sign out there"
    for form in seen.markup.forms:
        action = urljoin(seen.path, form.action)
        if urlsplit(action).netloc or walk.route(form.method.upper(), action) is None:
            yield f"a form goes to {action}, where there is no page"


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


def test_every_page_that_somebody_finds_is_sound(app, pages, portal_world):
    """And looking at it changes nothing."""
    told, reached = [], set()
    for who in PEOPLE:
        walk = Walk(WebPerson(app).sign_in(who).client, pages)
        before = dump(portal_world.store)
        for seen in walk.begin(*UNLINKED.get(who, ())):
            told += [f"{seen.path} ({who}, by {seen.of}): {each}" for each in problems(walk, seen)]
        told += [f"{who} changed {each}" for each in changed(before, dump(portal_world.store))]
        reached |= walk.reached
    assert not told, "\n".join(told)
    wanted = {each for each in pages if each.method == "GET" and each.path not in _NOT_WALKED}
    assert {each.path for each in wanted - reached} == set(), "no link leads there"


def test_what_is_anothers_is_nobodys_business(web, pages, portal_world):
    web.sign_in("bob")
    csrf = web.open("/me").forms[0].fields["csrf"]
    before = dump(portal_world.store)
    for each in pages:
        if not each.nothing or not each.is_page or each.frames <= {"guest"}:
            continue
        path = each.filled(portal_world.values(each.path))
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
