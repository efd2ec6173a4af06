"""A fresh second factor for a database, given in a browser."""

import pytest

from tests.fixtures.ca_service import PASSWORD
from tests.fixtures.edge_services import actions, aware, declare
from tests.unit.ca.service.routes.test_mfa import add_app

PAGE = "/databases/orders"


@pytest.fixture
def ready(web, api, admin, clock):
    """Alice, signed in a while ago, and the app whose codes the service orders accepts."""
    api.add("alice", "dba")
    app, _ = add_app(api.device("alice"))
    declare(admin, aware(), stepUp={"minutes": 15, "factors": ["totp"]})
    clock.move(minutes=1)
    web.open("/sign-in")
    web.press("Sign in", user="alice", password=PASSWORD)
    web.press("Confirm", code=app.code())
    clock.move(minutes=1)
    return app


def test_a_code_counts_for_the_minutes(web, api, ready):
    web.open(PAGE)
    assert "Second factor for orders" in web.press("Give it now").text
    code = ready.code()
    page = web.press("Confirm", code=f"{code[:3]} {code[3:]}")
    assert (page.status, page.path) == (200, PAGE)
    assert "Your second factor counts now." in page.text
    assert "given; counts until 2026-11-21 12:17 UTC" in page.text
    assert actions(api, "step_up.prove") == [("alice", "step_up.prove", "ok", "orders")]


def test_a_wrong_code_may_be_given_again(web, ready):
    web.open(PAGE)
    web.press("Give it now")
    page = web.press("Confirm", code="000000")
    assert (page.status, "Wrong code." in page.text) == (403, True)
    assert web.press("Confirm", code=ready.code()).path == PAGE


@pytest.mark.usefixtures("ready")
def test_what_asks_for_nothing_or_is_not_there_says_so(web, admin):
    declare(admin, aware("plain"))
    declare(admin, aware("hidden"), allow={"users": ["bob"]})
    sent = {"csrf": web.open(PAGE).forms[0].fields["csrf"]}
    for name, status in (("plain", 422), ("hidden", 404), ("none", 404), ("%3Cb%3E", 404)):
        page = web.send(f"/databases/{name}/step-up", sent)
        assert page.status == status, name
        assert "<b>" not in page.answer.text
    answer = {"flow": "x", "code": "123456"}
    assert web.send(f"{PAGE}/step-up/answer", sent | answer).status in {403, 422}


def test_who_has_no_factor_is_told(web, api, admin):
    api.add("alice", "dba")
    declare(admin, aware(), stepUp={"minutes": 15, "factors": ["totp"]})
    web.sign_in("alice").open(PAGE)
    page = web.press("Give it now")
    assert page.status in {403, 409}
    assert "factor" in page.text
