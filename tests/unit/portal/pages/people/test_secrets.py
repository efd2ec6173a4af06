"""Secrets in a browser: values go in, and never come out."""

import pytest

from tests.fixtures.edge_services import actions, aware, declare

EVIL = "<script>alert(1)</script>"
VALUE = "S3cret-<&>-of-ours"


@pytest.fixture
def root(web, api):  # noqa: ARG001 - it runs
    return web.sign_in("root")


@pytest.fixture
def stored(root):
    root.open("/admin/secrets")
    page = root.press("Store it", name=" db ", value=VALUE)
    assert (page.path, page.status) == ("/admin/secrets/db", 200), page.text
    return page


def versions(admin):
    found = admin.call("GET", "/v1/secrets/db/versions").json()["versions"]
    return [(each["version"], each["state"]) for each in found]


def test_a_secret_is_stored_changed_and_used_again(root, stored, admin, api):
    assert VALUE not in stored.answer.text
    page = root.press("Store the new value", value="another one")
    assert "Version 2 counts now" in page.text
    page = root.press("Use it again")
    assert "The value of version 1 counts again, as version 3." in page.text
    assert versions(admin) == [(3, "current"), (2, "former"), (1, "former")]
    for path in ("/admin/secrets", "/admin/secrets/db", "/admin"):
        assert VALUE not in root.open(path).answer.text
    assert VALUE not in str(api.events())
    assert [each[1] for each in actions(api, "secret.")] == [
        "secret.create",
        "secret.rotate",
        "secret.recover",
    ]


def test_one_that_is_used_goes_only_by_force(root, stored, admin):  # noqa: ARG001 - it is there
    declare(admin, aware())
    page = root.open("/admin/secrets/db")
    assert "orders" in page.text
    page = root.press("Delete it")
    assert (page.status, page.path) == (409, "/admin/secrets/db")
    page = root.press("Delete it", force="true")
    assert (page.path, "db is deleted." in page.text) == ("/admin/secrets", True)
    page = root.open("/admin/secrets/db")
    assert "There is no secret db yet: store it here." in page.text
    form = next(each for each in page.forms if "Store it" in each.buttons)
    assert form.fields["name"] == "db"


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"name": "db", "value": VALUE}, 409, "already"),
        ({"name": EVIL, "value": VALUE}, 422, "cannot be"),
        ({"name": "x", "value": "\n"}, 422, "There is no value."),
        ({"name": "x", "value": "x" * 17_000}, 422, "16384"),
        ({"name": "x", "value": "é" * 10_000}, 422, "16384 bytes"),
    ],
)
def test_what_cannot_be_is_told_without_the_value(root, stored, fields, status, words):  # noqa: ARG001
    root.open("/admin/secrets")
    page = root.press("Store it", **fields)
    assert (page.status, words in page.text) == (status, True), page.text
    assert EVIL not in page.answer.text
    assert not fields["value"].strip() or fields["value"] not in page.answer.text


def test_acts_that_are_none(root, stored):
    token = {"csrf": stored.forms[0].fields["csrf"]}
    for sent in ({"act": "show"}, {"act": "recover"}, {"act": "recover", "version": "9"}, {}):
        status = root.send("/admin/secrets/db", {**token, **sent}).status
        assert status in {404, 422}, sent
    assert root.send("/admin/secrets/no", {**token, "act": "rotate", "value": "x"}).status == 404
    page = root.open("/admin/secrets/%3Cscript%3E")
    assert (page.status, "<script>" in page.answer.text) == (404, False)
