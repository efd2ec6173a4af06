import csv
import io
import json

import pytest

from pgward.portal.pages.audit import statements
from tests.fixtures.chunks import Teller, record
from tests.unit.audit.test_sound import STRANGE

NASTY = "<b onload=x>'\"&amp;"
PAGE = "/audit/statements"


@pytest.fixture
def teller(edge) -> Teller:
    return Teller(edge)


@pytest.fixture
def otto(web, api):
    api.add("otto", "auditors")
    return web.sign_in("otto")


def events(api, action):
    return [each["details"] for each in api.events() if each["action"] == action]


def test_an_auditor_sees_what_was_said_and_how_it_divides(otto, teller):
    slow = record(1, duration_us=302_541_000)
    teller.tell(slow, record(2, user="bob", status="error", message="no such table"))
    page = otto.open(PAGE)
    assert "302.5 s" in page.text
    assert "bob at orders select 2 QUERY · 1 row · 0.2 ms · no such table error" in page.text
    assert "2 in all, of 2 that were looked at" in page.text
    assert page.links["bob"] == f"{PAGE}?user=bob"
    page = otto.open(page.links["bob"])
    assert ("select 2" in page.text, "select 1" in page.text) == (True, False)
    assert "no such table" in otto.open(f"{PAGE}?text=SELECT+2&regex=2$&since=24h").text


def test_who_searches_is_on_record_without_the_words(otto, api):
    otto.open(f"{PAGE}?text=hunter2&regex=s3cret&user=bob")
    assert events(api, "audit.search") == [{"contains": "…", "regex": "…", "user": "bob"}]


def test_who_reads_a_record_by_its_address_is_on_record(otto, teller, api):
    teller.tell(record(1))
    path = next(each for each in otto.open(PAGE).links.values() if each.startswith(f"{PAGE}/"))
    for _ in range(2):
        assert "select 1" in otto.open(path).text
    assert events(api, "audit.read") == [{"edge": "e1", "record": "0123456789abcdef-1"}]


def test_pages_follow_each_other(otto, teller, monkeypatch):
    monkeypatch.setattr(statements, "_ON_A_PAGE", 2)
    monkeypatch.setattr(statements, "_COUNTED", 3)
    teller.tell(*(record(number) for number in range(1, 6)))
    first = otto.open(PAGE)
    assert ("select 4" in first.text, "select 3" in first.text) == (True, False)
    assert "Counted among 3" in first.text
    second = otto.open(first.links["Next page"])
    assert ("select 4" in second.text, "select 2" in second.text) == (False, True)
    last = otto.open(second.links["Next page"])
    assert ("select 1" in last.text, "Next page" in last.links) == (True, False)
    assert last.links["First page"] == PAGE


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("since=x", "'x' is no time"),
        ("regex=(", "The regular expression cannot be read"),
        ("cursor=x", "That cursor is of another search"),
    ],
)
def test_what_cannot_be_asked_is_explained_on_the_page(otto, query, words):
    page = otto.open(f"{PAGE}?{query}")
    assert (page.status, words in page.text) == (422, True)


def test_a_record_is_shown_whole(otto, teller):
    teller.tell(record(1, text="select\n 'a'"), record(1, id="other"))
    path = otto.open(f"{PAGE}?text='a'").links["2026-11-21 12:00:01Z"]
    page = otto.open(path)
    assert "select 'a'" in page.text
    assert page.links["0123456789abcdef-1"] == f"{PAGE}?session=0123456789abcdef-1"
    assert "alice in orders" in otto.open(page.links["The whole session"]).text
    for wrong in (f"{PAGE}/e1/nothing?at=2026-11-21T12:00:01Z", f"{PAGE}/e1/other", f"{path}x"):
        assert otto.open(wrong).status == 404


def test_nothing_found_says_what_to_do(otto):
    assert "Edges put on record" in otto.open(PAGE).text
    assert otto.open(f"{PAGE}?user=eve").links["begin anew"] == PAGE


def test_a_chunk_that_is_lost_is_told(otto, teller, objects):
    teller.tell(record(1))
    (key,) = objects.list("audit/")
    objects.delete(key)
    assert "Lines 1 to 1 of e1 are lost" in otto.open(PAGE).text


def test_what_was_said_is_text(otto, teller):
    said = {"user": NASTY, "service": "orders", "message": NASTY, "application": NASTY}
    teller.tell(record(1, text=NASTY, id=NASTY, session=NASTY, **said))
    whole = next(path for path in otto.open(PAGE).links.values() if "?at=" in path)
    for path in (PAGE, whole):
        answer = otto.open(path).answer
        assert (answer.status_code, "onload" in answer.text) == (200, True)
        assert "<b onload" not in answer.text


def test_what_is_found_is_taken_along(otto, api, teller, monkeypatch):
    monkeypatch.setattr(statements, "_PER_PAGE_OF_A_FILE", 1)
    teller.tell(record(1), record(2, parameters=["é"]), record(3, user="bob"))
    otto.open(f"{PAGE}?user=alice&text=select")
    lines = list(csv.DictReader(io.StringIO(otto.press("CSV").answer.text)))
    assert [(each["text"], each["parameters"]) for each in lines] == [
        ("select 2", '["é"]'),
        ("select 1", ""),
    ]
    assert events(api, "audit.export") == [{"user": "alice", "text": "…"}]
    otto.open(f"{PAGE}?user=bob")
    (line,) = otto.press("JSON lines").answer.text.splitlines()
    assert json.loads(line)["text"] == "select 3"


def test_other_people_see_nothing(web, api):
    api.add("alice")
    web.sign_in("alice")
    for path in (PAGE, f"{PAGE}/e1/x?at=2026-11-21T12:00:01Z"):
        assert web.open(path).status == 403
    token = web.open("/databases").forms[0].fields["csrf"]
    assert web.send(f"{PAGE}/export", {"csrf": token, "form": "csv"}).status == 403


def test_an_edge_that_was_taken_over_hides_nothing_by_what_it_writes(otto, teller):
    """What is of no type that we know would make the page of all that it stands among fail."""
    strange = [each for each in STRANGE if each != {"parameters": {}}]
    teller.tell(*(record(number, **each) for number, each in enumerate(strange)), record(99))
    page = otto.open(PAGE)
    assert (page.status, "select 99" in page.text, "select 0" in page.text) == (200, True, True)
    record_page = otto.open(next(each for each in page.links.values() if "cdef-0" in each))
    assert (record_page.status, '"duration_us": "x"' in record_page.text) == (200, True)
