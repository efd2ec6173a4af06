"""Several resources at once on a page."""

import pytest

from tests.fixtures.declaring import XSS, declare, stored
from tests.fixtures.web_person import WebPerson

PATH = "/admin/resources/+apply"
TWO = """\
kind: Service
metadata: {name: orders, description: new}
spec: {upstream: {host: db2}, allow: {groups: [dba]}}
---
kind: Policy
metadata: {name: p}
spec: {connect: {default: DENY}}
"""


@pytest.fixture
def root(web, admin) -> WebPerson:
    declare(admin, description=XSS)
    web.sign_in("root").open(PATH)
    return web


def test_all_of_it_is_looked_at_and_done(root, admin):
    page = root.press("Review", yaml=TWO)
    assert "Change 2 of 2?" in page.text
    assert "+ host: db2" in page.text
    assert XSS not in page.answer.text
    assert admin.call("GET", "/v1/resources/policy/p").status_code == 404
    page = root.press("Apply", reason="both")
    assert (page.path, "Applied: 2 resources changed." in page.text) == ("/admin/resources", True)
    assert stored(admin)["spec"]["upstream"]["host"] == "db2"
    past = admin.call("GET", "/v1/resources/policy/p/history").json()["versions"][0]
    assert past["reason"] == "both"


def test_what_changed_meanwhile_is_not_overwritten(root, admin):
    root.press("Review", yaml=TWO)
    declare(admin, description="theirs")
    page = root.press("Apply")
    assert (page.status, "has version 2, not 1" in page.text) == (409, True)
    assert stored(admin)["metadata"]["description"] == "theirs"
    assert admin.call("GET", "/v1/resources/policy/p").status_code == 404


def test_what_is_applied_already_changes_nothing(root):
    root.press("Review", yaml=TWO)
    root.press("Apply")
    root.open(PATH)
    page = root.press("Review", yaml=TWO)
    assert "Nothing would change" in page.text
    assert "Apply" not in page.forms[-1].buttons


WRONG = [
    (TWO.replace("DENY", "MAYBE"), "Line 7 : spec.connect.default must be"),
    (TWO.replace("host: db2", "port: x"), "Line 3 : spec.upstream.host is missing"),
    (TWO.replace("kind: Policy", "kind: Polcy"), "did you mean Policy?"),
    (TWO + "---\n" + TWO, "already"),
    ("a: [", "Line 1"),
    ("", "There is no resource"),
    ("kind: Service", "metadata.name is missing"),
]


def test_what_is_wrong_is_told_with_its_line(root):
    for yaml, words in WRONG:
        page = root.press("Review", yaml=yaml)
        assert page.status == 422
        assert words.lower() in page.text.lower()
        assert page.forms[-1].fields["yaml"] == yaml


def test_a_kind_is_taken_along_as_one_file(root, admin):
    declare(admin, "sales")
    answer = root.client.get("/admin/resources/services/+export")
    assert answer.headers["content-type"] == "application/yaml"
    assert answer.headers["content-disposition"] == 'attachment; filename="services.yaml"'
    root.open(PATH)
    assert "Nothing would change" in root.press("Review", yaml=answer.text).text


def test_others_apply_and_take_nothing(web, api):
    api.add("alice")
    web.sign_in("alice")
    token = web.open("/databases").forms[0].fields["csrf"]
    assert web.open(PATH).status == 403
    assert web.open("/admin/resources/services/+export").status == 403
    assert web.send(PATH, {"csrf": token, "yaml": TWO, "act": "save"}).status == 403
