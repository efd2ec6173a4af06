"""Policies tried out on a page."""

import pytest

from tests.fixtures.aware_services import aware
from tests.fixtures.declaring import XSS
from tests.fixtures.web_person import WebPerson

PATH = "/admin/policy-tester"
RULES = [
    {
        "name": "office",
        "effect": "ALLOW",
        "condition": "ctx.session.client == '10.0.0.7' && ctx.session.mfa",
    },
    {
        "name": "changes",
        "effect": "DENY",
        "on": "statement",
        "condition": "!ctx.request.postgres.statement.reads",
        "reason": XSS,
    },
]


@pytest.fixture
def root(web, admin, alice) -> WebPerson:  # noqa: ARG001 - alice has a device
    body = aware({"policy": {"rules": RULES}}, allow={"users": ["alice"]})
    assert admin.call("PUT", "/v1/resources/service/orders", body).status_code == 200
    web.sign_in("root").open(f"{PATH}?service=orders&user=alice")
    return web


def test_every_rule_is_shown_with_what_came_of_it(root):
    page = root.press("Try it", client="10.0.0.7", mfa="true", sql="select 1; delete from t")
    assert page.status == 200
    assert "alice, in dba" in page.text
    assert "Allowed by rule office of policy inline." in page.text
    assert "ctx.session.client == '10.0.0.7' && ctx.session.mfa is true" in page.text
    assert "DELETE on t" in page.text
    assert "Denied by rule changes of policy inline." in page.text
    assert XSS not in page.answer.text
    assert page.forms[-1].fields["client"] == "10.0.0.7"
    page = root.press("Try it", sql="selec 'x")
    assert "UNPARSED" in page.text
    page = root.press("Try it", client="10.0.0.8", sql="")
    assert "Denied by the default of policy inline." in page.text


def test_a_device_of_theirs_can_be_chosen(root, alice, admin):
    body = aware(
        {
            "policy": {
                "connect": {"default": "DENY"},
                "rules": [RULES[0] | {"condition": "ctx.device.trusted"}],
            }
        },
        allow={"users": ["alice"]},
    )
    assert admin.call("PUT", "/v1/resources/service/orders", body).status_code == 200
    which = alice.call("GET", "/v1/me/devices").json()["devices"][0]["id"]
    assert "Denied" in root.press("Try it").text
    assert "Allowed by rule office" in root.press("Try it", device=which).text


def test_posture_is_yaml(root, admin):
    condition = "ctx.device.posture.disk_encrypted.value == true"
    body = aware(
        {"policy": {"rules": [RULES[0] | {"condition": condition}]}}, allow={"users": ["alice"]}
    )
    assert admin.call("PUT", "/v1/resources/service/orders", body).status_code == 200
    page = root.press("Try it", posture="disk_encrypted: {value: true}")
    assert "Allowed by rule office" in page.text
    page = root.press("Try it", posture="disk: [")
    assert (page.status, "Line 1 of the posture" in page.text) == (422, True)


def test_a_draft_is_tried_before_it_is_saved(root, admin):
    root.open("/admin/resources/services/orders/+edit")
    form = root.page.forms[-1].fields
    yaml = form["yaml"].replace("10.0.0.7", "10.0.0.9")
    root.press("Review", yaml=yaml)
    page = root.press("Try it in the policy tester first")
    assert page.forms[-1].fields["service"] == "orders"
    page = root.press("Try it", user="alice", client="10.0.0.9", mfa="true")
    assert "Allowed by rule office" in page.text
    page = root.press("Try it", draft="", client="10.0.0.9")
    assert "Denied" in page.text
    found = admin.call("GET", "/v1/resources/service/orders").json()["resource"]
    assert found["metadata"]["version"] == 1


WRONG = [
    ({"user": "nobody"}, 404, "no user 'nobody'"),
    ({"service": "nothing"}, 404, "no Service 'nothing'"),
    ({"client": "here"}, 422, "no IP address"),
    ({"at": "soon"}, 422, "not a time"),
    ({"method": "magic"}, 422, "must be"),
    ({"draft": "kind: User\nmetadata: {name: a}"}, 422, "a Service or a Policy"),
    ({"draft": "a: ["}, 422, "draft"),
    ({"sql": "x" * 33_000}, 422, "at most"),
    ({"user": ""}, 422, "ser.name"),
]


def test_what_is_wrong_is_told_and_nothing_is_lost(root):
    for fields, status, words in WRONG:
        root.open(f"{PATH}?service=orders&user=alice")
        page = root.press("Try it", **fields)
        assert page.status == status, fields
        assert words in page.text
        if "sql" not in fields:
            assert page.forms[-1].fields.keys() >= {"user", "service", "draft"}


def test_times_are_as_a_browser_or_a_person_writes_them(root):
    for text in ("2026-11-23T09:30", "2026-11-23T09:30:01Z", "2026-11-23T09:30:00+01:00"):
        assert root.press("Try it", at=text).status == 200


def test_a_service_in_mode_tcp_has_no_policy(root, admin):
    body = aware()
    body["spec"] = {"upstream": {"host": "db"}, "allow": {"users": ["alice"]}}
    assert admin.call("PUT", "/v1/resources/service/orders", body).status_code == 200
    assert "in mode tcp" in root.press("Try it", sql="drop table t").text


def test_others_try_nothing(web, api):
    api.add("bob")
    web.sign_in("bob")
    assert web.open(PATH).status == 403
    token = web.open("/databases").forms[0].fields["csrf"]
    assert web.send(PATH, {"csrf": token, "user": "root", "service": "orders"}).status == 403


CASES = """\
kind: PolicyTest
metadata: {name: t}
spec:
  service: orders
  given: {user: alice, session: {client: 10.0.0.7, mfa: true}}
  cases:
  - {name: in the office, expect: ALLOW}
  - {name: <script>alert(1)</script>, session: {client: 10.0.0.8}, expect: ALLOW}
"""


def test_cases_are_decided(root):
    root.open(PATH)
    root.open(root.page.links["Cases"])
    page = root.press("Decide them", documents=CASES)
    assert page.status == 200
    assert "2 cases, 1 failed." in page.text
    assert "Expected ALLOW, but denied by the default of policy inline." in page.text
    assert XSS not in page.answer.text
    assert page.forms[-1].fields["documents"] == CASES
    for text in ("", "a: [", "kind: Policy\nmetadata: {name: a}", CASES.replace("ALLOW", "X")):
        assert root.press("Decide them", documents=text).status == 422
    text = CASES.replace("service: orders", "service: nothing")
    assert root.press("Decide them", documents=text).status == 404
