"""Questions whether a server can be worked: asked for a while, and answered once."""

from datetime import timedelta

import pytest

from pgward.ca.access import asked_checks
from tests.fixtures.authority import START

FOUND = [{"check": "tls", "verdict": "ok", "text": "TLSv1.3", "hint": None}]


@pytest.fixture
def ask(store):
    def made(integration="shop-db", later=timedelta(0)):
        with store.write() as transaction:
            return asked_checks.ask(transaction, integration, now=START + later, by="root")

    return made


@pytest.fixture
def answer(store):
    def made(number, integration="shop-db"):
        with store.write() as transaction:
            return asked_checks.answer(transaction, integration, number, FOUND, now=START)

    return made


def test_a_question_is_open_for_two_minutes_and_answered_once(store, ask, answer):
    asked = ask()
    with store.read() as connection:
        assert asked_checks.number(connection, "shop-db", START) == asked.number
        assert asked_checks.number(connection, "shop-db", START + asked_checks.OPEN) is None
        assert asked_checks.number(connection, "other", START) is None
        assert asked_checks.numbers(connection, START) == {("shop-db", asked.number)}
        assert asked_checks.numbers(connection, START + asked_checks.OPEN) == set()
    assert not answer("0" * 16)
    assert not answer(asked.number, "other")
    assert answer(asked.number)
    assert not answer(asked.number)
    with store.read() as connection:
        found = asked_checks.find(connection, "shop-db")
        assert (found.findings, found.answered_at) == (FOUND, START)
        assert asked_checks.numbers(connection, START) == set()


def test_who_asks_right_after_another_waits_for_the_same(ask, answer):
    first = ask()
    assert ask(later=timedelta(seconds=5)) == first
    later = ask(later=timedelta(seconds=15))
    assert later.number != first.number
    assert answer(later.number)
    assert ask(later=timedelta(seconds=16)).number != later.number


def test_what_is_old_is_forgotten(store, ask):
    ask("gone")
    ask(later=asked_checks.KEPT + timedelta(seconds=1))
    with store.read() as connection:
        assert asked_checks.find(connection, "gone") is None
