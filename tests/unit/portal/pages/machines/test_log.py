"""The transparency log, in a browser."""

from urllib.parse import urlencode

import pytest

from pgward.portal.pages.machines import log as pages

PAGE = "/admin/ca/log"


@pytest.fixture
def grown(alice, admin, clock):
    """A log with some entries, and a head of it."""
    serials = [alice.certificate()["serial"] for _ in range(3)]
    admin.call("POST", f"/v1/certificates/{serials[0]}/revoke", {"reason": "superseded"})
    clock.move(minutes=2)
    head = admin.call("GET", "/v1/log/head").json()["head"]
    return serials, head


def test_entries_are_shown_in_words_the_newest_first(web, grown):
    serials, head = grown
    page = web.sign_in("root").open(PAGE)
    assert page.status == 200, page.text
    assert f"{serials[0][:16]}…" in page.links
    assert "revocation: superseded" in page.text
    assert "person alice" in page.text
    assert head["root"] in page.text


def test_pages_lead_from_one_to_the_next(web, grown, monkeypatch):
    assert grown
    monkeypatch.setattr(pages, "_LIMIT", 2)
    page = web.sign_in("root").open(PAGE)
    page = web.open(page.links["Older"])
    assert page.path == PAGE
    assert "Newer" in page.links
    assert "Older" not in page.links


def test_a_head_that_somebody_kept_is_compared(web, grown, alice, clock):
    _, head = grown
    alice.certificate()
    clock.move(minutes=2)
    web.sign_in("root")

    def ask(size, root):
        return web.open(f"{PAGE}?{urlencode({'size': size, 'root': root})}")

    assert "Yes: the log of" in ask(head["size"], head["root"]).text
    assert "does not begin with" in ask(head["size"], "0" * 64).text
    assert "does not begin with" in ask(10**9, head["root"]).text
    for size, root in (("x", head["root"]), ("1", "<b>"), ("", head["root"]), ("²", "00")):
        page = ask(size, root)
        assert page.status == 422
        assert "<b>" not in page.answer.text
    for start in ("-1", "9" * 19, "9" * 20):
        assert web.open(f"{PAGE}?start={start}").status == 422
    assert web.open(f"{PAGE}?start=999999").status == 200


def test_entries_that_were_altered_or_purged_are_told(grown, admin):
    assert grown
    (entry,) = admin.call("GET", "/v1/log/entries?start=0&limit=1").json()["entries"]
    whole = pages.log.Entry(**entry)
    assert pages._line(whole).is_whole
    assert not pages._line(whole.model_copy(update={"leaf_hash": "0" * 64})).is_whole
    assert "purged" in pages._line(whole.model_copy(update={"entry": None})).what


@pytest.mark.usefixtures("api")
def test_a_log_without_entries_says_so(web):
    page = web.sign_in("root").open(PAGE)
    assert page.status == 200


def test_others_see_nothing_of_it(web, api):
    api.add("alice")
    assert web.sign_in("alice").open(PAGE).status == 403
