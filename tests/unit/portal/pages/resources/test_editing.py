"""Making and changing resources with a form, with YAML, or with both."""

import asyncio

import pytest

from pgward.portal.pages.resources import draft as drafts
from tests.fixtures.declaring import XSS, declare, stored
from tests.fixtures.web_person import WebPerson

PATH = "/admin/resources/services/orders"
NEW = "/admin/resources/services/+new"


@pytest.fixture
def root(web, admin) -> WebPerson:
    declare(admin, description="first")
    return web.sign_in("root")


@pytest.fixture
def editor(root) -> WebPerson:
    root.open(f"{PATH}/+edit")
    return root


def yaml_of(person: WebPerson) -> str:
    assert person.page is not None
    form = next(each for each in person.page.forms if "yaml" in each.fields)
    return form.fields["yaml"]


def changed(person: WebPerson, old: str, new: str) -> str:
    assert old in yaml_of(person)
    return yaml_of(person).replace(old, new)


def test_what_the_form_changes_is_looked_at_and_saved(editor, admin):
    page = editor.press("Review", **{"spec.upstream.port": "6432", "spec.allow.users": "ann\nbea"})
    assert "Save this change of orders?" in page.text
    assert "- port: 5432 + port: 6432" in page.text
    assert stored(admin)["spec"]["upstream"]["port"] == 5432
    page = editor.press("Save", reason="moved")
    assert (page.path, "Saved." in page.text) == (PATH, True)
    assert stored(admin)["spec"]["upstream"]["port"] == 6432
    assert stored(admin)["spec"]["allow"] == {"groups": ["dba"], "users": ["ann", "bea"]}
    past = admin.call("GET", "/v1/resources/service/orders/history").json()["versions"][0]
    assert (past["reason"], past["by"]) == ("moved", "root")


def test_what_the_yaml_changes_is_saved(editor, admin):
    yaml = changed(editor, "description: first", "description: '<b>'")
    page = editor.press("Review", yaml=yaml)
    assert "<b>" not in page.answer.text
    editor.press("Save")
    assert stored(admin)["metadata"]["description"] == "<b>"


def test_a_check_shows_both_sides_and_saves_nothing(editor, admin):
    yaml = changed(editor, "port: 5432", "port: 7000")
    page = editor.press("Check", yaml=yaml, **{"metadata.description": "second"})
    form = page.forms[-1].fields
    assert (form["spec.upstream.port"], form["metadata.description"]) == ("7000", "second")
    assert "port: 7000" in form["yaml"]
    assert "description: second" in form["yaml"]
    assert form["shown"] == form["yaml"]
    assert "Nothing is wrong with it." in page.text
    assert stored(admin)["metadata"]["version"] == 1


def test_nothing_changes_where_nothing_was_changed(editor):
    assert "Nothing would change." in editor.press("Check").text
    editor.press("Review")
    assert "Nothing changed." in editor.press("Save").text


def test_what_is_wrong_is_told_in_its_line_and_at_its_field(editor, admin):
    page = editor.press("Review", **{"spec.upstream.port": "99999999"})
    assert page.status == 422
    assert "1 problem" in page.text
    line = yaml_of(editor).split("\n").index("    port: 99999999") + 1
    assert f"Line {line} : spec.upstream.port must be at most 65535" in page.text
    assert page.answer.text.count("ust be at most 65535") == 2
    assert 'aria-invalid="true"' in page.answer.text
    page = editor.press("Check", yaml="a: [")
    assert "The form comes back as soon as the YAML can be read." in page.text
    assert "Line 1" in page.text
    assert stored(admin)["metadata"]["version"] == 1


def test_what_was_changed_meanwhile_is_shown_and_not_overwritten_unseen(editor, admin):
    editor.press("Review", **{"spec.upstream.port": "6432"})
    declare(admin, description="theirs", labels={"env": XSS})
    page = editor.press("Save")
    assert page.status == 412
    assert "has version 2, not 1" in page.text
    assert "+ description: theirs" in page.text
    assert XSS not in page.answer.text
    assert stored(admin)["metadata"]["description"] == "theirs"
    page = editor.press("Save")
    assert page.path == PATH
    assert stored(admin)["spec"]["upstream"]["port"] == 6432


def test_what_was_deleted_meanwhile_can_be_made_again(editor, admin):
    editor.press("Review", **{"spec.upstream.port": "6432"})
    assert admin.call("DELETE", "/v1/resources/service/orders").status_code == 200
    page = editor.press("Save")
    assert (page.status, "it was deleted" in page.text) == (412, True)
    assert editor.press("Save").path == PATH
    assert stored(admin)["spec"]["upstream"]["port"] == 6432


def test_one_edits_further(editor):
    editor.press("Review", **{"spec.upstream.port": "6432"})
    assert editor.press("Edit further").forms[-1].fields["spec.upstream.port"] == "6432"


def test_a_new_one_is_made(root, admin):
    page = root.open(NEW)
    assert "mode: postgres" in yaml_of(root)
    assert "problem" not in page.text
    root.open(page.links["Begin in mode tcp"])
    fields = {"metadata.name": "sales", "spec.upstream.host": "db", "spec.allow.groups": "dba"}
    page = root.press("Review", **fields)
    assert "Make this service?" in page.text
    page = root.press("Make it", reason="")
    assert page.path == "/admin/resources/services/sales"
    assert stored(admin, name="sales")["spec"]["upstream"]["host"] == "db"


def test_a_copy_needs_a_name_of_its_own(root, admin):
    root.open(root.open(PATH).links["Copy"])
    page = root.press("Review")
    assert (page.status, "metadata.name" in page.text) == (422, True)
    page = root.press("Review", **{"metadata.name": "orders"})
    assert (page.status, "is taken" in page.text) == (422, True)
    root.press("Review", **{"metadata.name": "sales"})
    declare(admin, "sales")
    page = root.press("Make it")
    assert (page.status, "is taken" in page.text) == (409, True)
    assert root.open(f"{NEW}?from=nothing").status == 404


def test_a_name_and_a_kind_cannot_be_changed(editor):
    page = editor.press("Check", yaml=changed(editor, "name: orders", "name: sales"))
    assert "metadata.name is not 'orders', as the address says" in page.text
    page = editor.press("Check", yaml=changed(editor, "kind: Service", "kind: Policy"))
    assert "kind must be 'Service'" in page.text


def test_rules_of_a_policy_come_and_go(root, admin):
    root.open("/admin/resources/policies/+new")
    root.press("Add rule", **{"metadata.name": "p"})
    rule = {"name": "dba", "effect": "ALLOW", "condition": "'dba' in ctx.user.groups"}
    sent = {f"spec.rules[1].{name}": value for name, value in rule.items()}
    page = root.press("Check", **sent | {"spec.rules[1].condition": "ctx.user.nam"})
    assert "spec.rules[1].condition" in page.text
    root.press("Remove rule 2", **sent)
    assert "dba" not in yaml_of(root)
    root.press("Add rule")
    page = root.press("Review", **sent)
    assert page.status == 200, page.text
    assert root.press("Make it").path == "/admin/resources/policies/p"
    rules = stored(admin, "policy", "p")["spec"]["rules"]
    assert [each["name"] for each in rules] == ["reads", "dba"]
    assert rules[1]["condition"] == {"match": "'dba' in ctx.user.groups"}


def test_a_kind_without_a_form_has_its_yaml(root, admin):
    page = root.open("/admin/resources/secrets/+new")
    assert page.forms[-1].fields.keys() == {"csrf", "version", "shown", "yaml"}
    yaml = "kind: Secret\nmetadata: {name: s}\nspec: {maxAge: 30d}\n"
    root.press("Review", yaml=yaml)
    page = root.press("Make it")
    assert page.path == "/admin/resources/secrets/s"
    assert stored(admin, "secret", "s")["spec"]["maxAge"] == "30d"


def test_sql_in_the_browser_is_let_and_not(root, admin):
    root.open(NEW)
    sent = {"metadata.name": "s", "spec.upstream.host": "db", "spec.allow.groups": "dba"}
    root.press("Review", **sent, **{"spec.webClient": "yes"})
    root.press("Make it")
    assert stored(admin, name="s")["spec"]["webClient"] == {"export": False}
    page = root.open("/admin/resources/services/s/+edit")
    assert page.forms[-1].fields["spec.webClient"] == "yes"
    root.press("Review", **{"spec.webClient": ""})
    root.press("Save")
    assert "webClient" not in stored(admin, name="s")["spec"]


def test_a_rule_about_logins_is_made_with_its_form(root, admin):
    root.open("/admin/resources/loginrules/+new")
    sent = {"spec.appliesTo.groups": "dba", "spec.posture.osVersions": "macos=14.4"}
    root.press("Review", **{"metadata.name": "r"}, **sent)
    root.press("Make it")
    assert stored(admin, "loginrule", "r")["spec"]["posture"]["osVersions"] == {"macos": "14.4"}


LOCKING = """\
kind: LoginRule
metadata: {name: r1}
spec: {appliesTo: {everyone: true}, methods: [passkey]}
"""


def test_what_would_lock_every_administrator_out_is_meant_twice(root, admin):
    root.open("/admin/resources/loginrules/+new")
    page = root.press("Review", yaml=LOCKING)
    assert "No administrator could log in then" in page.text
    page = root.press("Make it")
    assert (page.status, "No administrator could log in then" in page.text) == (409, True)
    assert admin.call("GET", "/v1/resources/loginrule/r1").status_code == 404
    root.press("Make it", allow_lockout="true")
    assert admin.call("GET", "/v1/resources/loginrule/r1").status_code == 200


SENT = [
    ({"act": "add:spec.nothing"}, 422),
    ({"act": "remove:metadata"}, 200),
    ({"act": "nothing"}, 200),
    ({"version": "x"}, 422),
    ({"odd": "1"}, 422),
    ({"spec.odd": "1"}, 200),
    ({"yaml": "x" * 200_000}, 422),
    ({"yaml": "\ud800".encode("utf-8", "replace").decode()}, 200),
    ({"yaml": "kind: Service\nmetadata: {name: [1]}\nspec: 7"}, 200),
    ({"yaml": "kind: Service\nmetadata: 3"}, 200),
    ({"yaml": "metadata: {name: a}", "act": "save"}, 422),
    ({"yaml": "{}", "act": "save"}, 422),
    ({"yaml": "", "act": "save"}, 422),
]


def test_whatever_is_sent_is_answered(editor):
    form = editor.page.forms[-1].fields
    for fields, status in SENT:
        page = editor.send(f"{PATH}/+edit", {**form, "act": "check", **fields})
        assert page.status == status, fields


@pytest.mark.parametrize("path", [f"{PATH}/+edit", NEW])
def test_others_change_nothing(root, api, admin, app, path):
    form = root.open(path).forms[-1].fields
    api.add("alice")
    alice = WebPerson(app).sign_in("alice")
    token = alice.open("/databases").forms[0].fields["csrf"]
    assert alice.open(path).status == 403
    page = alice.send(path, {**form, "act": "save", "csrf": token})
    assert page.status == 403
    assert stored(admin)["metadata"]["version"] == 1


@pytest.mark.parametrize("act", ["remove:spec.allow.groups[0]", "add:spec.none", "check"])
def test_much_yaml_is_read_and_written_while_others_are_answered(editor, monkeypatch, act):
    """The most that is taken costs seconds, which no thread with an event loop has."""
    seen = []

    def watched(name):
        real = getattr(drafts, name)

        def call(*given):
            with pytest.raises(RuntimeError, match="no running event loop"):
                asyncio.get_running_loop()
            seen.append(name)
            return real(*given)

        return call

    for name in ("read", "written", "merged", "without_item"):
        monkeypatch.setattr(drafts, name, watched(name))
    editor.open(f"{PATH}/+edit")
    editor.open(f"{NEW}?from=orders")
    form = editor.open(f"{PATH}/+edit").forms[-1]
    assert editor.send(f"{PATH}/+edit", {**form.fields, "act": act}).status in {200, 422}
    assert {"read", "written", "merged"} <= set(seen)
