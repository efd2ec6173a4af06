import csv
import io

import pytest

from pgward.portal.pages import reviews
from tests.fixtures.access_world import SERVICE

PAGE = "/reviews"
STAY, END = "They shall stay", "End them…"


@pytest.fixture
def shop(access, who):
    """A review of a service that lets Ann and engineers in; Olga looks after it."""
    allow = {"users": ["ann"], "groups": ["engineers"]}
    access.put("Service", "shop", SERVICE | {"allow": allow})
    body = {"name": "q4", "paths": ["allow"]}
    assert who("adam").call("POST", "/v1/access/reviews", body).status_code == 201
    return access


@pytest.fixture
def signed_in(shop, who, web):  # noqa: ARG001 - it has the review begun
    def sign_in(name):
        who(name)
        web.client.cookies.clear()
        return web.sign_in(name)

    return sign_in


def events(who, action):
    found = who("adam").call("GET", f"/v1/audit?action={action}").json()["events"]
    return [(each["actor"], each["target"], each["details"].get("reason")) for each in found]


def test_an_owner_confirms_a_right_and_ends_another(signed_in, who):
    olga = signed_in("olga")
    assert olga.open("/requests").links["Reviews of rights"] == PAGE
    assert "2 rights wait for your word" in olga.open(PAGE).text
    page = olga.open(f"{PAGE}/q4")
    assert "ann shop allow Service/shop" in page.text
    page = olga.press(STAY, item="1", reason="on call")
    assert "1 right confirmed." in page.text
    assert "by olga: on call" in page.text
    page = olga.press(END, item="2")
    assert "Take 1 right away?" in page.text
    assert "group engineers (3) at shop" in page.text
    page = olga.press("Take away")
    assert "1 right ended." in page.text
    assert events(who, "review.confirm") == [("olga", "q4/1", "on call")]
    assert events(who, "review.end") == [("olga", "q4/2", None)]
    assert "0 open rights, 1 confirmed, 1 ended" in olga.open(PAGE).text


def test_nothing_is_taken_away_before_it_was_shown(signed_in, who):
    olga = signed_in("olga")
    olga.open(f"{PAGE}/q4")
    olga.press(END, item="1")
    assert olga.page.links["Leave it"] == f"{PAGE}/q4"
    assert events(who, "review.end") == []


def test_rights_of_a_state_and_pages(signed_in, monkeypatch):
    olga = signed_in("olga")
    monkeypatch.setattr(reviews, "_ON_A_PAGE", 1)
    first = olga.open(f"{PAGE}/q4")
    second = olga.open(first.links["Next page"])
    assert ("ann shop" in first.text, "ann shop" in second.text) == (True, False)
    assert second.links["First page"] == f"{PAGE}/q4"
    assert "No such right" in olga.open(f"{PAGE}/q4?state=noted").text
    assert olga.open(f"{PAGE}/q4?state=nonsense").status == 404


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"act": "confirm"}, "No right was chosen"),
        ({"act": "confirm", "item": "99"}, "99"),
        ({"act": "confirm", "item": "x"}, "integer"),
        ({"act": "end", "item": "99"}, "The review has no such right"),
        ({"act": "nonsense", "item": "1"}, "There is nothing of that kind to do"),
    ],
)
def test_what_cannot_be_decided_is_explained(signed_in, fields, words):
    olga = signed_in("olga")
    token = olga.open(f"{PAGE}/q4").forms[0].fields["csrf"]
    page = olga.send(f"{PAGE}/q4", {"csrf": token, **fields})
    assert (page.status in {404, 422}, words in page.text) == (True, True)


def test_an_administrator_begins_and_closes(signed_in):
    adam = signed_in("adam")
    adam.open(PAGE)
    adam.open(adam.page.links["Begin a review"])
    page = adam.press("Begin", name="unused", days="7", paths="allow", people="true")
    assert page.path == f"{PAGE}/unused"
    assert "The review has" in page.text
    assert "Paths: allow." in page.text
    page = adam.press("Close the review")
    assert "The review unused is closed." in page.text
    adam.open(f"{PAGE}/+new")
    page = adam.press("Begin", name="q4")
    assert (page.status, "there is a review" in page.text.lower()) == (409, True)
    page = adam.press("Begin", name="other", days="x")
    assert (page.status, "Days" in page.text) == (422, True)
    page = adam.press("Begin", name="new", days="7")
    assert page.path == f"{PAGE}/new"


def test_the_outcome_is_taken_along(signed_in, who):
    adam = signed_in("adam")
    adam.open(f"{PAGE}/q4")
    lines = list(csv.DictReader(io.StringIO(adam.press("CSV").answer.text)))
    assert [(each["number"], each["user"], each["state"]) for each in lines] == [
        ("1", "ann", "open"),
        ("2", "", "open"),
    ]
    assert [each[:2] for each in events(who, "audit.export")] == [("adam", "review q4")]


def test_an_auditor_looks_and_decides_nothing(signed_in, shop):
    shop.add("otto", "auditors")
    otto = signed_in("otto")
    page = otto.open(f"{PAGE}/q4")
    assert ("ann shop" in page.text, "They shall stay" in page.text) == (True, False)
    assert page.links["Who reaches what"] == "/audit/map"
    token = page.forms[0].fields["csrf"]
    page = otto.send(f"{PAGE}/q4", {"csrf": token, "act": "take", "item": "1"})
    assert page.status == 403
    assert otto.open(f"{PAGE}/+new").status == 403
    assert otto.send(f"{PAGE}/q4/close", {"csrf": token}).status == 403


def test_others_see_nothing_of_it(signed_in):
    ann = signed_in("ann")
    assert "No right waits for your word" in ann.open(PAGE).text
    assert "Who reaches what" not in ann.page.links
    assert ann.open(f"{PAGE}/q4").status == 404
    token = ann.open("/databases").forms[0].fields["csrf"]
    for path, fields in (("", {"act": "confirm", "item": "1"}), ("/export", {"form": "csv"})):
        assert ann.send(f"{PAGE}/q4{path}", {"csrf": token, **fields}).status == 404
    assert ann.send(f"{PAGE}/+new", {"csrf": token, "name": "x"}).status == 403


def test_reasons_are_text(signed_in):
    olga = signed_in("olga")
    olga.open(f"{PAGE}/q4")
    olga.press(STAY, item="1", reason="<b onload=x>'")
    answer = olga.open(f"{PAGE}/q4").answer
    assert "onload" in answer.text
    assert "<b onload" not in answer.text
