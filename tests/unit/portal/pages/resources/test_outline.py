"""Entries of a form and the fields that they stand for."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.portal.pages.resources import outline
from pgward.portal.pages.resources.outline import Entry, Kind, Section

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "match", "spec"]), inner, max_size=3)
    ),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(st.sampled_from(["a", "b", "spec"]), VALUES, max_size=3)
PATHS = st.sampled_from(["a", "a.b", "spec.a.b", "spec.a[0]", "spec.a[1].b", "spec.a[0].b[2]"])


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (Kind.TEXT, "orders", "orders"),
        (Kind.AREA, "a\nb", "a\nb"),
        (Kind.NUMBER, 5432, "5432"),
        (Kind.NUMBER, "many", "many"),
        (Kind.CHOICE, "tcp", "tcp"),
        (Kind.LINES, ["a", "b"], "a\nb"),
        (Kind.PAIRS, {"env": "prod", "x": ""}, "env=prod\nx="),
        (Kind.CONDITION, {"match": "true"}, "true"),
        (Kind.FLAG, True, "true"),
    ],
)
def test_a_value_is_shown_as_a_text_and_read_again(kind, value, text):
    entry = Entry("spec.x", "X", kind)
    assert outline.text_of(entry, value) == text
    assert outline.value_of(entry, text) == value


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.TEXT, 7),
        (Kind.NUMBER, True),
        (Kind.NUMBER, 1.5),
        (Kind.LINES, "a"),
        (Kind.LINES, [1]),
        (Kind.LINES, [" a"]),
        (Kind.LINES, ["a\nb"]),
        (Kind.PAIRS, ["a"]),
        (Kind.PAIRS, {"a": 1}),
        (Kind.PAIRS, {"a=b": "c"}),
        (Kind.CONDITION, {"any": []}),
        (Kind.CONDITION, {"match": "a", "x": 1}),
        (Kind.FLAG, "yes"),
    ],
)
def test_what_no_text_can_say_is_left_to_the_yaml(kind, value):
    assert outline.text_of(Entry("spec.x", "X", kind), value) is None


def test_a_condition_may_be_a_text():
    assert outline.text_of(Entry("if", "If", Kind.CONDITION), "true") == "true"


@pytest.mark.parametrize("is_on", [True, False])
def test_a_flag_is_said_only_where_it_is_not_as_usual(is_on):
    entry = Entry("spec.x", "X", Kind.FLAG, is_on=is_on)
    assert outline.text_of(entry, None) == ("true" if is_on else "")
    assert outline.value_of(entry, "true") is (None if is_on else True)
    assert outline.value_of(entry, "") is (False if is_on else None)


def test_a_choice_may_mean_an_object():
    entry = Entry("x", "X", Kind.MEANING, choices=("on", "more"), means=({}, {"more": True}))
    shown = ({}, {"more": False}, {"more": True}, None, {"other": 1}, "on")
    assert [outline.text_of(entry, each) for each in shown] == ["on", "on", "more", "", None, None]
    sent = ("on", "more", "", "odd")
    assert [outline.value_of(entry, each) for each in sent] == [{}, {"more": True}, None, None]


def test_empty_texts_say_nothing():
    assert {outline.value_of(Entry("x", "X", kind), " \n") for kind in Kind if kind != "flag"} == {
        None
    }


@pytest.mark.parametrize(
    ("path", "value", "after"),
    [
        ("spec.a.b", 1, {"spec": {"a": {"b": 1}, "rules": [{"name": "r"}]}}),
        ("spec.rules[0].name", "s", {"spec": {"a": "text", "rules": [{"name": "s"}]}}),
        ("spec.rules[0].name", None, {"spec": {"a": "text", "rules": [{}]}}),
        ("spec.rules[0]", None, {"spec": {"a": "text"}}),
        ("spec.rules[7].name", "s", {"spec": {"a": "text", "rules": [{"name": "r"}]}}),
        ("spec.a", None, {"spec": {"rules": [{"name": "r"}]}}),
        ("spec.b.c.d", None, {"spec": {"a": "text", "rules": [{"name": "r"}]}}),
        ("metadata.description", "d", None),
    ],
)
def test_a_field_is_set_and_taken_away(path, value, after):
    document = {"spec": {"a": "text", "rules": [{"name": "r"}]}}
    outline.put(document, path, value)
    assert document == (after or {**document, "metadata": {"description": "d"}})


@given(DOCUMENTS, PATHS)
def test_any_document_can_be_asked_for_any_path(document, path):
    before = copy.deepcopy(document)
    outline.get(document, path)
    assert document == before


@given(DOCUMENTS, PATHS, st.none() | st.text(min_size=1, max_size=5))
def test_any_document_takes_any_change(document, path, value):
    outline.put(document, path, value)
    if "[" not in path:
        assert outline.get(document, path) == value


@given(st.sampled_from(Kind), VALUES)
def test_what_is_shown_and_sent_back_means_the_same(kind, value):
    entry = Entry("spec.x", "X", kind)
    text = outline.text_of(entry, value)
    if text is not None:
        again = outline.text_of(entry, outline.value_of(entry, text))
        assert (again or "").strip() == text.strip()


def test_a_section_repeats_for_each_item():
    section = Section("Rules", (Entry("name", "Name"),), each="spec.rules")
    document = {"spec": {"rules": [{"name": "a"}, "odd"]}}
    found = outline.places((section,), document)
    assert {path: place.value for path, place in found.items()} == {
        "spec.rules[0].name": "a",
        "spec.rules[1].name": "",
    }
    assert outline.groups(section, {"spec": {"rules": "odd"}}) == []
