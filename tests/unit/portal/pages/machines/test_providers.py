"""Identity providers, in a browser."""

import pytest

from tests.fixtures.lying_provider import CLIENT, ISSUER
from tests.fixtures.web_person import WebPerson

PAGE = "/admin/identity-providers"
EVIL = "<script>alert(1)</script>"
SECRET = "s3cret of a client"
NEW = {"name": "corp", "issuer": ISSUER, "client_id": CLIENT}


@pytest.fixture
def root(oidc_world):
    return WebPerson(oidc_world.api.client.app).sign_in("root")


def stored(oidc_world, name="corp"):
    return oidc_world.admin.call("GET", f"/v1/identity-providers/{name}")


def test_a_provider_is_tried_and_then_added(oidc_world, root):
    page = root.open(PAGE)
    assert "None yet" in page.text
    assert "/sign-in/back" in page.text
    lines = {"group_map": "adm=administrators", "second_factor": "amr=mfa\r\namr=otp"}
    more = {"secret": SECRET, "groups_claim": "groups", "description": EVIL}
    page = root.press("Try it", **NEW, **more, **lines)
    assert page.status == 200, page.text
    assert "It works." in page.text
    assert "backchannel-logout" in page.text
    assert SECRET not in page.answer.text
    assert "<script>" not in page.answer.text
    assert stored(oidc_world).status_code == 404
    page = root.press("Try it, and add it", secret=SECRET, **lines)
    assert (page.status, page.path) == (200, f"{PAGE}/corp"), page.text
    assert "corp is added" in page.text
    assert "adm → administrators" in page.text
    assert "amr=mfa, amr=otp" in page.text
    found = stored(oidc_world).json()
    assert found["has_secret"] is True
    assert SECRET not in str(oidc_world.api.events())
    page = root.open(PAGE)
    assert page.links["corp"] == f"{PAGE}/corp"
    assert "<script>" not in page.answer.text


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"issuer": "http://idp.test"}, 422),
        ({"name": EVIL}, 422),
        ({"client_id": ""}, 422),
        ({"group_map": "whoever"}, 422),
        ({"second_factor": "amr=pwd"}, 422),
        ({"ca": "no certificate"}, 422),
    ],
)
def test_what_cannot_be_is_told_and_kept_in_the_form(oidc_world, root, fields, status):
    root.open(PAGE)
    page = root.press("Try it, and add it", **{**NEW, **fields})
    assert page.status == status
    assert "<script>" not in page.answer.text
    assert CLIENT in page.answer.text or "client_id" in fields
    assert stored(oidc_world).status_code == 404


def test_one_that_does_not_work_is_not_added(oidc_world, root):
    oidc_world.provider.probe = {"error": "invalid_client"}
    root.open(PAGE)
    page = root.press("Try it, and add it", **NEW)
    assert (page.status, "the provider says invalid_client" in page.text) == (403, True)
    assert stored(oidc_world).status_code == 404


def test_a_provider_is_tested_when_somebody_asks(oidc_world, root):
    oidc_world.add()
    root.open(f"{PAGE}/corp")
    assert "ok client" in root.press("Test it now").text
    oidc_world.provider.away = True
    page = root.press("Test it now")
    assert page.status == 200
    assert "failed" in page.text


def test_its_people_are_shown_linked_and_forgotten(oidc_world, root):
    oidc_world.api.add("boss")
    oidc_world.add(createUsers=True)
    oidc_world.provider.claims = {"groups": [EVIL]}
    oidc_world.logged_in()
    page = root.open(f"{PAGE}/corp")
    assert page.links["ann"] == "/admin/people/ann"
    page = root.press("Forget who it is")
    assert "ann is nobody there any more" in page.text
    page = root.press("Link them", user=" boss ", subject=EVIL)
    assert f"{EVIL} signs in as boss now." in page.text
    assert "<script>" not in page.answer.text
    assert root.press("Link them", user="nobody", subject="s-9").status == 404
    page = root.press("Store it", secret="s2")
    assert "The secret is stored" in page.text
    page = root.press("Remove corp")
    assert (page.path, "corp is removed" in page.text) == (PAGE, True)
    assert root.open(f"{PAGE}/corp").status == 404


def test_what_is_not_there_or_cannot_be_done_is_told(oidc_world, root):
    oidc_world.add()
    csrf = root.open("/admin").forms[0].fields["csrf"]
    assert root.send(f"{PAGE}/corp", {"csrf": csrf, "act": "burn"}).status == 422
    assert root.send(PAGE, {"csrf": csrf, "act": "burn", **NEW}).status == 422
    assert root.send(f"{PAGE}/none", {"csrf": csrf, "act": "test"}).status == 404
    assert root.open(f"{PAGE}/%3Cscript%3E").status == 404


def test_others_see_and_do_nothing(oidc_world):
    oidc_world.add()
    oidc_world.api.add("alice")
    alice = WebPerson(oidc_world.api.client.app).sign_in("alice")
    csrf = alice.open("/databases").forms[0].fields["csrf"]
    for path in (PAGE, f"{PAGE}/corp"):
        assert alice.open(path).status == 403
        assert alice.send(path, {"csrf": csrf, "act": "remove"}).status == 403
    assert stored(oidc_world).status_code == 200
