"""Inviting people in a browser."""

import pytest

from pgward.ca.settings import Settings
from tests.fixtures.edge_services import actions

EVIL = "<script>alert(1)</script>"
MAIL = '[notify.smtp]\nserver = "localhost:25"\nsender = "a@b"\n'


@pytest.fixture
def root(web, api):  # noqa: ARG001 - it runs
    return web.sign_in("root")


def test_somebody_new_is_invited(root, api, admin):
    page = root.open("/admin/invitations")
    assert "No link is out." in page.text
    assert "by e-mail" not in page.text
    page = root.press("Invite", name=" ann ", full_name=EVIL, groups="sales, dba", hours="24")
    assert (page.status, "A link for ann" in page.text) == (200, True)
    assert "/welcome?invitation=pgi1." in page.text
    assert page.links["Done: I have what I need"] == "/admin/people/ann"
    user = admin.call("GET", "/v1/users/ann").json()["user"]
    assert (user["groups"], user["full_name"]) == (["dba", "sales"], EVIL)
    page = root.open("/admin/invitations")
    assert "ann root" in page.text
    assert "/welcome?" not in page.answer.text
    page = root.press("Take it back")
    assert "The link of ann counts no more." in page.text
    assert root.send("/admin/invitations/ann", {"csrf": page.forms[0].fields["csrf"]}).status == 404
    assert [each[2:] for each in actions(api, "user.invite")] == [("ok", "ann")]


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"name": "root"}, 409, "There is a user 'root' already"),
        ({"name": "a b"}, 422, "cannot be a user name"),
        ({"name": "ann", "groups": "No Way"}, 422, "cannot be a name"),
        ({"name": "ann", "email": "x" * 501}, 422, "500"),
        ({"name": "ann", "hours": "1000"}, 422, "336"),
    ],
)
def test_what_cannot_be_is_told_and_stays_in_the_form(root, fields, status, words):
    root.open("/admin/invitations")
    page = root.press("Invite", **{"full_name": EVIL} | fields)
    assert (page.status, words in page.text) == (status, True), page.text
    assert EVIL not in page.answer.text


def test_whom_a_password_is_no_use_to_is_added_without_a_link(root, admin):
    rule = {"appliesTo": {"groups": ["sales"]}, "methods": ["oidc"]}
    body = {"kind": "LoginRule", "metadata": {"name": "r"}, "spec": rule}
    assert admin.call("PUT", "/v1/resources/LoginRule/r", body).status_code in {200, 201}
    root.open("/admin/invitations")
    page = root.press("Invite", name="ann", groups="sales")
    assert page.path == "/admin/people/ann"
    assert "Added, but without a link" in page.text


def test_a_link_goes_out_by_e_mail_where_there_is_some(root, app):
    object.__setattr__(app.state.context.desk, "settings", Settings.parse(MAIL))
    page = root.open("/admin/invitations")
    assert "Send it by e-mail" in page.text
    page = root.press("Invite", name="ann", email="ann@example.com")
    assert "It also goes to them by e-mail now." in page.text
    root.open("/admin/invitations")
    page = root.press("Invite", name="bob")
    assert "It goes to nobody by itself" in page.text
