import pytest
import sqlalchemy as sa

from pgward.ca.archive import checks
from pgward.ca.store.schema_auditing import archive_checks
from tests.fixtures.authority import START
from tests.fixtures.chunks import CHAIN, Teller, record

PAGE = "/audit/chain"
VERIFY = "Verify all of it"


@pytest.fixture
def otto(web, api):
    api.add("otto", "auditors")
    return web.sign_in("otto")


@pytest.fixture
def verified(app, otto):
    def verify(button=VERIFY):
        otto.open(PAGE)
        page = otto.press(button)
        app.state.context.archive.verifying.wait()
        return page, otto.open(PAGE)

    return verify


def test_an_archive_of_nothing_says_so(otto):
    page = otto.open(PAGE)
    assert "No edge has put anything on record yet" in page.text
    assert "Not verified yet" in page.text
    assert "pgward audit verify" in page.text


def test_everything_is_verified_on_demand(otto, verified, edge):
    teller = Teller(edge)
    teller.tell(record(1), record(2))
    assert f"e1 {CHAIN}" in otto.open(PAGE).text
    assert "not verified" in otto.page.text
    begun, page = verified()
    assert "Everything is read and computed now." in begun.text
    assert "Nothing was changed verified 2 lines in 1 chunk of 1 chain" in page.text
    teller.tell(record(3))
    assert "verified to 2" in otto.open(PAGE).text
    assert "3 lines in 2 chunks" in verified("Verify again")[1].text


def test_what_was_changed_is_shown(verified, edge, objects):
    Teller(edge).tell(record(1))
    objects.delete(next(iter(objects.list("audit/"))))
    _, page = verified()
    assert "Something was changed 1 problem" in page.text
    assert f"e1 , chain {CHAIN} , line 1: " in page.text
    assert "find out who changed it" in page.text


def test_one_that_runs_is_followed(otto, store):
    with store.write() as transaction:
        checks.begin(transaction, "anna", 10, START)
        checks.change(transaction, 1, lines=5)
    page = otto.open(PAGE)
    assert "5 of 10 lines, asked for by anna" in page.text
    assert 'data-live="2"' in page.answer.text
    token = page.forms[0].fields["csrf"]
    page = otto.send(PAGE, {"csrf": token})
    assert (page.status, "Anna has it verified already" in page.text) == (409, True)


def test_one_that_did_not_get_through_says_why(otto, store):
    with store.write() as transaction:
        checks.begin(transaction, "anna", 10, START)
        ended = {"ended_at": START, "trouble": "the archive <b>is</b> away"}
        transaction.execute(sa.update(archive_checks).values(**ended))
    page = otto.open(PAGE)
    assert "The last one did not get through: The archive <b>is</b> away." in page.text


def test_other_people_see_nothing(web, api):
    api.add("alice")
    web.sign_in("alice")
    assert web.open(PAGE).status == 403
    token = web.open("/databases").forms[0].fields["csrf"]
    assert web.send(PAGE, {"csrf": token}).status == 403
