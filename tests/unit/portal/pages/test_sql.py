"""The pages of the SQL editor, with an edge that the test plays."""

import asyncio
import re
from urllib.parse import urlsplit

import pytest

from pgward.core.errors import UnavailableError
from pgward.pgwire import backend
from pgward.pgwire.backend import Column
from pgward.portal.pages import sql
from pgward.portal.sql.channel import Door
from pgward.portal.sql.splitting import split
from tests.fixtures.ca_service import URL
from tests.fixtures.edge_services import actions, aware, declare
from tests.fixtures.fake_link import BEGUN, READY, SUSPENDED, FakeLink, answer, rows
from tests.fixtures.web_person import WebPerson

EVIL = "<script>alert(1)</script>"
START = "/databases/orders/sql"
IN_BLOCK = backend.ready(backend.IN_TRANSACTION)


class Edge:
    """What doors lead to: the next of ``links``; ``cancelled`` are the keys that were used."""

    def __init__(self) -> None:
        self.links: list[FakeLink] = []
        self.opened: list[FakeLink] = []
        self.cancelled: list[tuple[int, bytes]] = []

    def expects(self, *replies: bytes) -> FakeLink:
        self.links.append(FakeLink(*replies))
        return self.links[-1]


@pytest.fixture
def far(monkeypatch):
    made = Edge()

    async def open_one(_door: Door) -> FakeLink:
        if not made.links:
            raise UnavailableError("no edge serves orders now")
        made.opened.append(made.links.pop(0))
        return made.opened[-1]

    async def cancel(_door: Door, key: tuple[int, bytes]) -> None:
        made.cancelled.append(key)
        made.opened[-1].say(backend.error("ERROR", "57014", "canceled"))

    monkeypatch.setattr(Door, "open", open_one)
    monkeypatch.setattr(Door, "cancel", cancel)
    monkeypatch.setattr(sql, "WAIT_SECONDS", 0.2)
    return made


@pytest.fixture
def orders(api, admin):
    api.add("alice", "dba")
    declare(admin, aware(reasonRequired=True), webClient={"export": True})
    return admin


@pytest.fixture
def alice(web, api, orders):
    assert orders is not None
    return visitor(web, api, "alice")


def visitor(web, api, name):
    """Somebody whose requests come to one event loop, as those to a real server do."""
    web.client.portal = api.client.portal
    web.sign_in(name).open(START)
    return web


def test_the_first_run_opens_an_editor(alice, far):
    link = far.expects(answer(1, 2, tag="SELECT 2"), READY)
    assert far.opened == []
    page = alice.press("Run", sql="select n", reason="TICKET 7", role="reader", database="prod")
    assert re.fullmatch(rf"{START}/[\w-]+", page.path)
    assert "connected" in page.text
    assert "2 rows" in page.text
    assert page.answer.headers["cache-control"] == "no-store"
    for said in (b"pgward.reason\0TICKET 7\0", b"user\0reader\0", b"database\0prod\0"):
        assert said in link.sent[0]
    assert b"application_name\0pgward web\0" in link.sent[0]
    assert alice.open(page.path).text == page.text.replace(" ", " ")


def opened(alice, far, *replies):
    link = far.expects(answer(1), READY, *replies)
    alice.press("Run", sql="select 1", reason="x")
    return link


def test_a_transaction_is_shown_and_goes_with_the_form(alice, far):
    link = far.expects(answer(1, tag="BEGIN"), IN_BLOCK)
    page = alice.press("Run", sql="begin", reason="x")
    assert "transaction open" in page.text
    (form,) = [each for each in page.forms if "Run" in each.buttons]
    assert form.fields["transaction"] == "true"
    assert {"Commit", "Roll back"} <= set(re.findall(">([A-Z][a-z ]+)</button>", page.answer.text))
    link.say(backend.error("FATAL", "57P01", "pgward: it was idle"))
    page = alice.press("Run", sql="delete from orders")
    assert page.status == 409
    assert "nothing was run" in page.text
    assert "It was idle" in page.text
    assert "delete from orders" in page.text
    assert len(far.opened) == 1


def test_a_transaction_is_ended_by_a_button_and_the_text_stays(alice, far):
    link = far.expects(answer(1, tag="BEGIN"), IN_BLOCK, answer(tag="ROLLBACK"), READY)
    page = alice.press("Run", sql="begin", reason="x")
    (form,) = [each for each in page.forms if "Run" in each.buttons]
    fields = {**form.fields, "sql": "select 7", "instead": "rollback"}
    page = alice.send(f"{page.path}/run", fields)
    assert "Roll back" not in page.text
    assert "ROLLBACK" in page.text
    assert "select 7" in page.text
    assert b"rollback\0" in link.sent[-2]
    assert alice.send(f"{page.path}/run", {**fields, "instead": "drop"}).status == 422


def test_what_tables_there_are_is_asked_as_anything_else(alice, far):
    link = opened(alice, far, answer(3), READY)
    (form,) = [each for each in alice.page.forms if "Tables" in each.buttons]
    page = alice.send(f"{alice.page.path}/run", {**form.fields, "sql": "", "instead": "tables"})
    assert "select n.nspname as schema" in page.text
    assert b"pg_catalog.pg_class" in link.sent[-2]


def test_a_fresh_second_factor_is_asked_for(alice, admin):
    declare(admin, aware(reasonRequired=True), webClient={}, stepUp={"minutes": 10})
    page = alice.open(START)
    assert "Give it now" in page.text
    assert "at most 10 minutes old" in page.text


def test_rows_and_their_next_page(alice, far):
    far.expects(
        BEGUN + backend.row_description([Column("n", 23)]) + rows(1) + SUSPENDED,
        rows(2) + backend.command_complete("SELECT 1"),
        READY,
    )
    page = alice.press("Run", sql="select n", reason="x")
    assert "rows 1 to 1" in page.text
    page = alice.press("Next rows")
    assert "rows 2 to 2" in page.text
    assert "Next rows" not in page.text
    editor = page.path
    page = alice.send(f"{editor}/more", page.forms[0].fields)
    assert "there are no more rows" in page.text.lower()


def test_a_connection_that_ended_meanwhile_is_told_of(alice, far):
    columns = backend.row_description([Column("n", 23)])
    link = far.expects(BEGUN + columns + rows(1) + SUSPENDED)
    page = alice.press("Run", sql="select n", reason="x")
    link.say(backend.error("FATAL", "57P05", "pgward: the session was idle for an hour"))
    page = alice.open(page.path)
    assert "not connected" in page.text
    assert "The session was idle for an hour." in page.text
    assert "Next rows" not in page.text


def test_what_runs_can_be_cancelled(alice, far):
    link = opened(alice, far, BEGUN, READY)
    page = alice.press("Run", sql="select pg_sleep(60)")
    assert "Running for 0 s" in page.text
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in page.answer.text
    again = alice.press("Run", sql="select 2")
    assert (again.status, "runs already" in again.text) == (409, True)
    page = alice.press("Cancel")
    assert far.cancelled == [(7, b"key!")]
    assert "canceled" in page.text
    assert len(link.sent) == 5


def test_a_file(alice, api, far):
    far.expects(answer(1), READY, answer(5), READY, BEGUN + backend.command_complete("X"), READY)
    page = alice.press("Run", sql="select 1", reason="x")
    form = next(each for each in page.forms if "Save as CSV" in each.buttons)
    sent = {"Origin": URL, "Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
    fields = {**form.fields, "sql": "select 5"}
    got = alice.client.post(f"{page.path}/export", data=fields, headers=sent)
    assert got.text == "n\r\n5\r\n"
    assert got.headers["content-type"] == "text/csv; charset=utf-8"
    assert got.headers["content-disposition"] == 'attachment; filename="orders.csv"'
    assert actions(api, "sql.export") == [("alice", "sql.export", "ok", "orders")]
    (event,) = [each for each in api.events() if each["action"] == "sql.export"]
    assert event["details"] == {"rows": 1, "bytes": 6, "whole": True}
    page = alice.send(f"{page.path}/export", {**form.fields, "sql": "create table t ()"})
    assert page.status == 200
    assert "X" in page.text


def test_files_are_for_services_that_allow_them(alice, admin, far):
    opened(alice, far)
    declare(admin, aware(reasonRequired=True), webClient={})
    page = alice.open(alice.page.path)
    assert "Save as CSV" not in page.text
    form = next(each for each in page.forms if "Run" in each.buttons)
    page = alice.send(f"{page.path}/export", {**form.fields, "sql": "select 1"})
    assert (page.status, "lets nobody save" in page.text) == (409, True)


def test_editors_are_closed_and_counted(alice, far):
    link = opened(alice, far)
    page = alice.press("Close this editor")
    assert (page.path, "The editor is closed." in page.text) == (START, True)
    assert link.is_closed
    for _ in range(3):
        alice.open(START)
        opened(alice, far)
    page = alice.open(START)
    assert "New editor" not in page.text
    page = alice.press("Run", sql="select 1", reason="x")
    assert (page.status, "you have 3 editors open" in page.text.lower()) == (409, True)
    assert page.text.count("orders 3") == 1


def test_what_goes_wrong_before_anything_runs(alice):
    page = alice.press("Run", sql="select 1", reason="x")
    assert "No edge serves orders now" in page.text
    alice.open(START)
    page = alice.press("Run", sql="-- nothing", reason="x")
    assert (page.status, "no statement to run" in page.text) == (422, True)
    assert "-- nothing" in page.text
    alice.press("Run", sql="x" * 60_001, reason="x")
    assert alice.page.status == 422


def test_nothing_of_an_answer_is_html(alice, far):
    notice = backend.notice(EVIL, "00000", EVIL, detail=EVIL, hint=EVIL, where=EVIL)
    columns = backend.row_description([Column(EVIL, 25)])
    far.expects(
        notice
        + BEGUN
        + columns
        + backend.data_row([EVIL.encode()])
        + backend.error(EVIL, EVIL, EVIL, detail=EVIL, hint=EVIL, where=EVIL, position=1),
        READY,
        answer(tag=EVIL),
        READY,
    )
    page = alice.press("Run", sql=EVIL, reason="x")
    assert page.answer.text.count("&lt;script&gt;") > 10
    assert "<script>" not in page.answer.text
    page = alice.press("Run", sql=f"</textarea>{EVIL}")
    assert "<script>" not in page.answer.text


@pytest.mark.parametrize("act", ["", "/run", "/more", "/cancel", "/close", "/export"])
def test_nobody_elses_editor(alice, far, api, app, act):
    link = opened(alice, far)
    path = alice.page.path
    api.add("bob", "dba")
    bob = visitor(WebPerson(app), api, "bob")
    other = visitor(WebPerson(app), api, "alice")  # herself, in another sign-in
    sent = len(link.sent)
    for each in (bob, other):
        token = each.page.forms[0].fields
        page = each.send(f"{path}{act}", {**token, "sql": "select 2"}) if act else each.open(path)
        assert page.status == (409 if act == "/run" else 404)
        assert "not here any more" in page.text
    assert len(link.sent) == sent
    assert far.links == []


@pytest.mark.parametrize("name", ["stock", "nowhere", "a b"])
def test_a_service_that_is_not_for_browsers_or_for_others(alice, admin, name):
    declare(admin, aware("stock"))
    for page in (alice.open(f"/databases/{name}/sql"), alice.open(f"/databases/{name}/sql/x")):
        assert page.status == 404
    token = {"csrf": WebPerson.open(alice, "/databases").forms[0].fields["csrf"]}
    for act in ("", "/x/run", "/x/more", "/x/cancel", "/x/close", "/x/export"):
        assert alice.send(f"/databases/{name}/sql{act}", {**token, "sql": "x"}).status == 404


def test_others_get_nothing(web, api, orders):
    assert orders is not None
    api.add("mallory")
    web.sign_in("mallory")
    assert web.open(START).status == 404
    token = {"csrf": web.open("/databases").forms[0].fields["csrf"]}
    assert web.send(START, {**token, "sql": "select 1"}).status == 404


def test_who_signs_out_has_no_connection(alice, far, api):
    link = opened(alice, far)
    path = alice.page.path
    alice.press("Sign out")
    assert urlsplit(str(alice.open(path).answer.url)).path == "/sign-in"
    with api.client.begin() as loop:
        loop.call(_until_closed, link)
    assert link.is_closed


async def _until_closed(link: FakeLink) -> None:
    async with asyncio.timeout(8):
        while not link.is_closed:  # noqa: ASYNC110 - the watch has no event for it
            await asyncio.sleep(0.02)


def test_a_long_text_is_cut_into_statements_while_others_are_answered(alice, far, monkeypatch):
    seen = []

    def watched(text):
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        seen.append(text)
        return split(text)

    monkeypatch.setattr(sql, "split", watched)
    monkeypatch.setattr("pgward.portal.sql.editor.split", lambda _text: pytest.fail("cut twice"))
    far.expects(answer(1), READY, answer(2), READY)
    alice.press("Run", sql="select 1", reason="x")
    alice.press("Run", sql="select 2")
    assert seen == ["select 1", "select 2"]
