"""Somebody's page, and what administrators do there."""

import pytest

from tests.fixtures.edge_services import actions, aware, declare

EVIL = "<script>alert(1)</script>"
ANN = "/admin/people/ann"


@pytest.fixture
def ann(api):
    api.add("ann", "dba")
    return api.device("ann")


@pytest.fixture
def root(web, api, ann):  # noqa: ARG001 - they run
    return web.sign_in("root")


def user(admin, name="ann"):
    return admin.call("GET", f"/v1/users/{name}").json()["user"]


def send(web, path=ANN, **fields):
    return web.send(path, {"csrf": web.open(ANN).forms[0].fields["csrf"]} | fields)


def test_all_that_is_known_is_there(root, admin):
    changed = {"full_name": EVIL, "valid_until": "2199-01-01T00:00:00Z"}
    admin.call("PATCH", "/v1/users/ann", changed)
    page = root.open(ANN)
    assert (page.status, EVIL in page.text, EVIL in page.answer.text) == (200, True, False)
    assert page.links["dba"] == "/admin/groups/dba"
    assert page.links["Signing in"] == f"{ANN}/sign-in"
    assert "until 2199-01-01" in page.text
    assert root.open("/admin/people/ANN").status == 200
    for path in ("/admin/people/nobody", "/admin/people/%3Cscript%3E", f"{ANN}/nothing"):
        assert root.open(path).status == 404, path


def test_what_is_known_is_changed(root, api, admin):
    root.open(ANN)
    given = {"full_name": EVIL, "email": "a@x", "groups": "sales", "must_change": "true"}
    page = root.press("Save", valid_until="2199-01-01", **given)
    assert (page.path, "Changed." in page.text) == (ANN, True)
    found = user(admin)
    assert (found["full_name"], found["groups"], found["must_change_password"]) == (
        *(EVIL, ["sales"], True),
    )
    assert found["valid_until"] == "2199-01-01T00:00:00Z"
    (event,) = [each for each in api.events() if each["action"] == "user.update"]
    assert {"email", "full_name"} <= event["details"].keys()
    assert "valid_from" not in event["details"]
    root.open(ANN)
    assert "There is nothing to change." in root.press("Save").text
    root.open(ANN)
    form = next(each for each in root.page.forms if "Save" in each.buttons)
    form.fields.pop("must_change")  # unticked
    page = root.press("Save", valid_until="", full_name="Ann")
    assert user(admin)["valid_until"] is None
    assert user(admin)["must_change_password"] is False


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"valid_from": "soon"}, "'soon' is no time"),
        ({"valid_from": "2026-12-01", "valid_until": "2026-12-01"}, "end before it begins"),
        ({"groups": "A!"}, "cannot be a name"),
        ({"full_name": "a\tb"}, "printable letters"),
    ],
)
def test_what_cannot_be_is_told_and_stays_in_the_form(root, admin, fields, words):
    root.open(ANN)
    page = root.press("Save", **{"email": "new@x"} | fields)
    assert (page.status, words in page.text) == (422, True), page.text
    form = next(each for each in page.forms if "Save" in each.buttons)
    assert form.fields["email"] == "new@x"
    assert user(admin)["email"] == ""


def test_somebody_is_blocked_and_let_in_again(root, admin, ann):
    ann.certificate()
    root.open(ANN)
    page = root.press("Block ann", words=EVIL)
    assert "ann is blocked: signed out everywhere, 1 certificate revoked." in page.text
    assert f": {EVIL}" in page.text
    assert EVIL not in page.answer.text
    assert ann.call("GET", "/v1/me").status_code == 401
    page = root.press("Unblock")
    assert "May sign in again." in page.text
    assert user(admin)["blocked"] is False


def test_somebody_is_signed_out_and_loses_all_certificates(root, api, ann):
    ann.certificate()
    root.open(ANN)
    assert "Signed out: 1, with 1 certificate revoked." in root.press("Sign out everywhere").text
    assert ann.call("GET", "/v1/me").status_code == 401
    again = api.device("ann")
    again.certificate()
    page = root.press("Revoke all certificates", reason="superseded", comment=EVIL)
    assert "Certificates revoked: 1. Signed out: 1." in page.text
    page = root.open(f"{ANN}/certificates")
    assert "Revoke" not in [button for form in page.forms for button in form.buttons]


def test_one_certificate_is_revoked(root, api, ann):
    assert "No certificate yet" in root.open(f"{ANN}/certificates").text
    ann.certificate()
    page = root.open(f"{ANN}/certificates")
    assert "active" in page.text
    page = root.press("Revoke", reason="superseded")
    assert (page.path, "Revoked." in page.text) == (f"{ANN}/certificates", True)
    assert ann.call("GET", "/v1/me").status_code == 200
    assert [each[2] for each in actions(api, "certificate.revoke")] == ["ok"]
    page = send(root, f"{ANN}/certificates/{'0' * 40}", reason="superseded")
    assert page.status == 404
    assert root.open(f"{ANN}/certificates?cursor=nonsense").status == 422


def test_somebody_becomes_an_auditor_and_an_administrator(root, admin):
    root.open(ANN)
    assert "Now in auditors." in root.press("Make auditor").text
    assert "Now in administrators." in root.press("Make administrator").text
    assert user(admin)["groups"] == ["administrators", "auditors", "dba"]
    assert "No longer in auditors." in root.press("No longer auditor").text
    root.open("/admin/people/root")
    root.press("No longer administrator")
    assert root.open(ANN).status == 403


def test_the_last_administrator_stays_one(root):
    for button in ("Block root", "No longer administrator", "Remove for good"):
        root.open("/admin/people/root")
        page = root.press(button)
        assert (page.status, "no active administrator would be left" in page.text) == (409, True)


def test_a_link_to_choose_a_password_is_made_and_taken_back(root):
    root.open(ANN)
    page = root.press("Make the link", hours="24")
    assert "/welcome?invitation=pgi1." in page.text
    page = root.open(ANN)
    assert "root made a link" in page.text
    assert "The link counts no more." in root.press("Take it back").text
    assert send(root, act="uninvite").status == 404
    root.open(ANN)
    root.press("Block ann")
    page = send(root, act="invite", hours="24")
    assert (page.status, "Ann is blocked." in page.text) == (409, True)


def test_second_factors_are_reset(root, api):
    page = send(root, act="reset")
    assert "There was no second factor." in page.text
    assert actions(api, "mfa.reset") == [("root", "mfa.reset", "ok", "ann")]


def test_somebody_is_removed(root, admin):
    root.open(ANN)
    page = root.press("Remove for good")
    assert (page.path, "ann is removed" in page.text) == ("/admin/people", True)
    assert admin.call("GET", "/v1/users/ann").status_code == 404


def test_an_act_that_is_none_does_nothing(root):
    for fields in ({"act": "burn"}, {"act": ""}, {"act": "join"}, {"act": "x" * 31}, {}):
        assert send(root, **fields).status == 422, fields
    assert send(root, act="join", group="A!").status == 422


def test_what_somebody_reaches_is_shown(root, admin):
    assert "Nothing is open to ann" in root.open(f"{ANN}/access").text
    declare(admin, aware())
    page = root.open(f"{ANN}/access")
    assert "orders" in page.text
    assert root.open("/admin/people/nobody/access").status == 404
    assert root.open(f"{ANN}/access?after=nonsense").status == 422
