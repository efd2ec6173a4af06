import pytest

from pgward.ca.notices.message import MOST_LINES, one_line
from pgward.ca.notices.notice import Kind
from tests.fixtures.notices import NOW, message


def test_a_question_says_who_asks_for_what_and_why():
    asked = message()
    assert asked.heading == "ana asks for access to shop"
    assert asked.lines == [
        ("what", "bundle shop-reading"),
        ("for", "2 hours"),
        ("reason", "TICKET-1: orders are stuck"),
        ("answer until", "2026-11-24T09:00:00Z"),
        ("request", "r7k2"),
    ]
    assert asked.commands == ["pgward approve r7k2", "pgward deny r7k2 --reason WHY"]


def test_an_answer_says_who_decided_and_until_when():
    answer = message(Kind.APPROVED, by="bob", note="go on", until=NOW)
    assert ("by", "bob") in answer.lines
    assert ("said", "go on") in answer.lines
    assert ("until", "2026-11-23T09:00:00Z") in answer.lines
    assert answer.commands == []


def test_more_time_is_told_apart():
    asked = message(extends=True)
    assert asked.heading == "ana asks to keep access to shop"
    assert ("for another", "2 hours") in asked.lines


@pytest.mark.parametrize("extends", [False, True])
@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_words(kind, extends):
    heading = message(kind, extends=extends).heading
    assert "ana" in heading
    assert "shop" in heading
    assert heading.isprintable()


def test_a_review_is_called_by_its_name():
    review = message(Kind.REVIEW, service="q4", asked_for=("2 rights to look at",), until=NOW)
    assert review.heading == "ana asks you to review rights: q4"
    assert ("due", "2026-11-23T09:00:00Z") in review.lines
    assert review.lines[-1] == ("review", "q4")
    assert review.commands == ["pgward access review show q4 --mine"]
    assert review.link_title == "Review them"


def test_what_people_write_stays_one_harmless_line():
    evil = message(reason="ok\n\nreason: none\r\x1b[2J\u202egpj", person="a\nb")
    assert ("reason", "ok reason: none \\x1b[2J\\u202egpj") in evil.lines
    assert evil.heading.splitlines() == ["a b asks for access to shop"]


def test_long_texts_and_lists_are_cut():
    long = message(reason="x" * 2000, asked_for=tuple(f"role r{i}" for i in range(50)))
    values = dict(long.lines)
    assert len(values["reason"]) == 500
    assert values["what"] == "and 30 more"
    assert len([each for each in long.lines if each[0] == "what"]) == MOST_LINES + 1
    assert one_line("a" * 10, 5) == "aaaa…"
