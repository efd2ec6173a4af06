"""How a draft stands on a page."""

from pgward.portal.pages.resources import draft, showing
from pgward.portal.pages.resources.checking import Target
from pgward.portal.pages.resources.draft import Problem

NEW, OLD = Target("Service", None, 0), Target("Service", "orders", 3)


def test_a_name_is_given_once():
    assert showing.outline(NEW)[0].title == "Its name"
    assert "Its name" not in [each.title for each in showing.outline(OLD)]
    assert showing.outline(Target("Integration", None, 0)) == ()


def test_addresses_of_a_new_one_and_an_old_one():
    assert showing.common(NEW)["action"] == "/admin/resources/services/+new"
    assert showing.common(OLD)["action"] == "/admin/resources/services/orders/+edit"


def test_what_is_wrong_stands_at_its_entry_or_around_it():
    found = draft.read("spec: {mode: tcp, allow: {users: [a]}, upstream: {port: x}}")
    wrong = [
        Problem(1, "spec.allow.users[0]", "no"),
        Problem(1, "spec.upstream.port", "number"),
        Problem(1, "spec.allow", "other"),
    ]
    parts = showing.sections(OLD, found, wrong, {"Integration": ["i1"]})
    shown = {each.place.path: each for it in parts for group in it.groups for each in group}
    assert shown["spec.allow.users"].wrong == "no"
    assert shown["spec.upstream.port"].wrong == "number"
    assert shown["spec.allow.groups"].wrong == ""
    assert shown["spec.integration"].known == ["i1"]
    assert shown["spec.allow.users"].id == "spec.allow.users"
    assert {it.section.mode for it in parts if not it.is_open and not it.section.is_extra} == {
        "postgres"
    }


def test_what_few_people_need_is_open_where_it_says_something():
    said = draft.read("spec: {limits: {maxConnections: 3}}")
    parts = {it.section.title: it.is_open for it in showing.sections(OLD, said, (), {})}
    assert parts["Limits"]
    assert not parts["A fresh second factor"]
    wrong = [Problem(1, "spec.stepUp.minutes", "no")]
    parts = {it.section.title: it.is_open for it in showing.sections(OLD, said, wrong, {})}
    assert parts["A fresh second factor"]


def test_what_cannot_be_read_has_no_form():
    assert showing.sections(OLD, draft.read("a: ["), (), {}) == []


def test_problems_stand_in_the_order_of_lines_each_once():
    one, two = Problem(2, "a", "x"), Problem(1, "b", "y")
    assert showing.elsewhere([one, two, one]) == [two, one]
