"""One session: its facts, what is said in it, and its end."""

import pytest

from pgward.core.clock import parse_rfc3339
from pgward.portal.pages.sessions import one
from tests.fixtures.chunks import at, record
from tests.fixtures.web_sessions import EVIL
from tests.unit.audit.test_sound import STRANGE

BEGAN = parse_rfc3339(at(1))


@pytest.mark.usefixtures("told")
def test_a_session_that_runs(web, api):
    page = web.sign_in("root").open("/sessions/e1/s1")
    assert page.status == 200
    for words in ("alice in orders", "runs", "Statements 1", "select 2", "SELECT 1",
                  "10.0.0.7, psql", "shop as app", "4 rows"):  # fmt: skip
        assert words in page.text, words
    assert 'id="items" data-live="2"' in page.answer.text
    web.open("/sessions/e1/s1?order=oldest")
    assert [each["action"] for each in api.events()].count("audit.search") == 1


@pytest.mark.usefixtures("told")
def test_a_session_that_was_cut_off(web):
    page = web.sign_in("root").open("/sessions/e1/s2")
    for words in ("cut off, 57P01", "ERROR 42P01: none", "DENIED by r: no", "SQLSTATE 57P01"):
        assert words in page.text or words == "SQLSTATE 57P01", words
    assert "data-live" not in page.answer.text
    assert "End the session" not in page.text
    assert "select 4" in web.open("/sessions/e1/s2?only=error").text
    assert "DENIED by" not in web.open("/sessions/e1/s2?only=error").text
    assert "Nothing of that kind was said." in web.open("/sessions/e1/s2?text=zzz").text
    assert "select 4" in web.open("/sessions/e1/s2?text=ELECT+4").text


@pytest.mark.usefixtures("told")
def test_what_was_said_page_by_page(web, monkeypatch):
    monkeypatch.setattr(one, "MOST", 1)
    page = web.sign_in("root").open("/sessions/e1/s2?order=oldest")
    assert "The session began." in page.text
    assert "select 4" not in page.text
    page = web.open(page.links["Next page"])
    assert "select 4" in page.text
    assert page.links["First page"] == "/sessions/e1/s2?order=oldest"
    assert web.open("/sessions/e1/s2?cursor=x").status == 422


@pytest.mark.usefixtures("told")
def test_an_administrator_ends_a_session(web, api):
    web.sign_in("root").open("/sessions/e1/s1")
    page = web.press("End it", reason="maintenance", force="true")
    assert "The edge e1 is told to end it at once." in page.text
    (event,) = [each for each in api.events() if each["action"] == "database-session.end"]
    assert (event["actor"], event["details"]["reason"]) == ("root", "maintenance")
    assert event["details"]["force"]


@pytest.mark.usefixtures("told", "alice")
def test_one_ends_ones_own(web, api, edge, clock):
    assert edge.call("GET", "/v1/edge/snapshot").status_code == 200
    clock.move(minutes=5)
    web.sign_in("alice").open("/sessions/e1/s1")
    page = web.press("End it")
    assert "e1 was last heard of 5 minutes ago, and ends it when it is back." in page.text
    (event,) = [each for each in api.events() if each["action"] == "database-session.end"]
    assert event["details"]["reason"] == "you ended the session"


@pytest.mark.usefixtures("alice")
def test_it_may_have_ended_meanwhile(web, told):
    web.sign_in("alice").open("/sessions/e1/s1")
    told.tell(record(9, session="s1", type="SESSION_END", status="ok"))
    assert "It has ended already." in web.press("End it").text


@pytest.mark.usefixtures("told", "alice")
def test_what_is_anothers_is_nobodys_business(web):
    web.sign_in("alice").open("/sessions/e1/s1")
    csrf = web.page.forms[0].fields["csrf"]
    assert web.send("/sessions/e1/s2/end", {"csrf": csrf}).status == 404
    for path in ("/sessions/e1/s2", "/sessions/e2/s1", "/sessions/e1/%3Cscript%3E"):
        page = web.open(path)
        assert (page.status, "<script>" in page.answer.text) == (404, False)


@pytest.mark.usefixtures("told")
def test_auditors_end_nothing(web, api):
    api.add("carol", "auditors")
    page = web.sign_in("carol").open("/sessions/e1/s1")
    assert "End the session" not in page.text
    assert web.send("/sessions/e1/s1/end", {"csrf": page.forms[0].fields["csrf"]}).status == 404


def test_statements_are_text(web, teller):
    teller.tell(
        record(1, session="s1", type="SESSION_START"),
        record(2, session="s1", text=EVIL, parameters=[EVIL], commands=[EVIL]),
        record(3, session="s1", status="error", sqlstate="42P01", message=EVIL),
        record(4, session="s1", type="NOTICE", reason=EVIL),
        record(5, session="s1", type="SESSION_END", reason=EVIL),
    )
    page = web.sign_in("root").open("/sessions/e1/s1")
    assert page.text.count(EVIL) >= 6
    assert EVIL not in page.answer.text


def test_what_has_no_rows_says_none(web, teller):
    """As begin and set: their records have no number of rows at all."""
    begun = record(2, session="s1", text="begin", commands=["BEGIN"])
    begun.pop("rows", None)
    teller.tell(record(1, session="s1", type="SESSION_START"), begun)
    page = web.sign_in("root").open("/sessions/e1/s1")
    assert (page.status, "BEGIN" in page.text) == (200, True)


@pytest.mark.parametrize("given", [{"type": "TEXT"}, {"type": "RECORDING"}, {"type": "PARSE"}])
def test_what_is_for_machines_only(given):
    assert one.item(record(2, **given), BEGAN) is None


def test_a_statement_that_could_not_be_prepared():
    found = one.item(record(2.5, type="PARSE", status="error", sqlstate="42601"), BEGAN)
    assert (found.at, found.outcome.text) == (1.5, "ERROR 42601: (withheld)")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"type": "SESSION_START"}, "the session began"),
        ({"type": "SESSION_END", "reason": "idle"}, "the session ended: idle"),
        ({"type": "CANCEL"}, "cancel"),
    ],
)
def test_what_is_no_statement(given, words):
    assert one.item(record(0, **given), BEGAN).told == words


def test_an_edge_that_was_taken_over_hides_nothing_by_what_it_writes(web, teller):
    teller.tell(record(1, session="s1", type="SESSION_START"))
    teller.tell(
        *(record(number, session="s1", **each) for number, each in enumerate(STRANGE, 2)),
        record(99, session="s1"),
    )
    page = web.sign_in("root").open("/sessions/e1/s1")
    assert (page.status, "select 99" in page.text, "select 2" in page.text) == (200, True, True)
