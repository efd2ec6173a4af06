"""One document of a form and its YAML."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.portal.pages.resources import draft, forms_of
from pgward.portal.pages.resources import outline as outlines

POLICY = """\
kind: Policy
metadata: {name: p}
spec:
  rules:
  - name: one
    effect: ALLOW
    condition: 'true'
  - name: two
    effect: DENY
    condition: {any: [a, b]}
"""
SERVICE = """\
kind: Service
metadata:
  name: orders
spec:
  upstream: {host: db, port: 5432}
  stepUp: {minutes: 5, endSessions: true}
"""


def form(yaml: str, outline=forms_of.POLICY) -> dict[str, str]:
    """What a browser sends of the form that a page shows."""
    found = draft.read(yaml).document
    assert found is not None
    places = outlines.places(outline, found.value)
    return {path: each.value for path, each in places.items() if each.value}


def test_what_nobody_changed_stays_as_it_was_typed():
    assert draft.merged(forms_of.POLICY, POLICY, POLICY, form(POLICY)).yaml == POLICY
    typed = POLICY.replace("one", "first") + "# mine\n"
    assert draft.merged(forms_of.POLICY, POLICY, typed, form(POLICY)).yaml == typed


def test_what_the_form_changes_comes_into_the_yaml():
    sent = form(POLICY) | {"spec.rules[0].name": "first", "spec.statements.default": "DENY"}
    found = draft.merged(forms_of.POLICY, POLICY, POLICY, sent)
    assert found.document is not None
    rules = found.document.value["spec"]["rules"]
    assert [each["name"] for each in rules] == ["first", "two"]
    assert rules[1]["condition"] == {"any": ["a", "b"]}
    assert found.document.value["spec"]["statements"] == {"default": "DENY"}
    assert found.problems == ()


def test_changes_of_both_sides_come_together():
    typed = SERVICE.replace("orders", "sales")
    sent = form(SERVICE, forms_of.SERVICE) | {"spec.upstream.port": "6432"}
    del sent["spec.stepUp.endSessions"]  # a box that was cleared
    found = draft.merged(forms_of.SERVICE, SERVICE, typed, sent).document
    assert found is not None
    assert found.value["metadata"]["name"] == "sales"
    assert found.value["spec"] == {
        "upstream": {"host": "db", "port": 6432},
        "stepUp": {"minutes": 5},
    }


def test_a_list_that_both_sides_changed_is_as_in_the_yaml():
    typed = POLICY.replace("  - name: one\n    effect: ALLOW\n    condition: 'true'\n", "")
    sent = form(POLICY) | {"spec.rules[0].name": "first"}
    found = draft.merged(forms_of.POLICY, POLICY, typed, sent)
    assert found.document is not None
    assert [each["name"] for each in found.document.value["spec"]["rules"]] == ["two"]
    assert [(each.line, each.path) for each in found.problems] == [(5, "spec.rules[0].name")]


@pytest.mark.parametrize(
    ("yaml", "line", "path", "words"),
    [
        ("a: [", 1, "", "expected"),
        ("a: 1\na: 2", 2, "a", "twice"),
        ("- a", 1, "", "mapping"),
        ("", 0, "", "no resource"),
        ("kind: A\n---\nkind: B", 3, "", "second document"),
        ("a: !!python/object:x {}", 1, "a", "tag"),
        ("a: &a [*a]", 1, "", ""),
        ("[" * 900, 0, "", "nested"),
    ],
)
def test_what_cannot_be_read_is_a_problem_in_a_line(yaml, line, path, words):
    found = draft.read(yaml)
    assert found.document is None
    first = found.problems[0]
    assert words in first.message
    if words:
        assert (first.line, first.path) == (line, path)
    kept = draft.merged(forms_of.POLICY, POLICY, yaml, {"spec.rules[0].name": "x"})
    assert kept == found


def test_items_come_and_go():
    found = draft.with_item(draft.read(POLICY), "spec.rules", {})
    assert found.document is not None
    assert len(found.document.value["spec"]["rules"]) == 3
    for path in ("spec.rules[2]", "spec.rules[0]", "spec.rules[9]", "spec.nothing[0]", "", "]["):
        found = draft.without_item(found, path)
    assert found.document is not None
    assert [each["name"] for each in found.document.value["spec"]["rules"]] == ["two"]
    broken = draft.read("a: [")
    assert draft.with_item(broken, "spec.rules", {}) == broken


def test_there_are_only_so_many_items():
    many = draft.read(f"kind: P\nspec: {{rules: [{'{}, ' * 200}]}}")
    again = draft.with_item(many, "spec.rules", {})
    assert again.document is not None
    assert len(outlines.get(again.document.value, "spec.rules")) == 200


@given(st.text(max_size=60), st.text(max_size=60), st.dictionaries(st.text(max_size=9), st.text()))
def test_any_text_can_be_sent(shown, yaml, sent):
    draft.merged(forms_of.SERVICE, shown, yaml, sent)


@given(
    st.sampled_from([each.path for section in forms_of.SERVICE for each in section.entries]),
    st.text(max_size=20),
)
def test_any_entry_takes_any_text(path, text):
    found = draft.merged(forms_of.SERVICE, SERVICE, SERVICE, {path: text})
    assert found.document is not None or found.problems
