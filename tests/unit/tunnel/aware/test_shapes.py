"""What is remembered of reads."""

from collections import deque

import pytest

from pgward.audit.tape.frames import run
from pgward.pgwire import backend, frontend
from pgward.pgwire.framing import message
from pgward.pgwire.states import BIND, DESCRIBE, EXECUTE, FUNCTION_CALL, PARSE, QUERY, SYNC
from pgward.tunnel.aware.shapes import Answer, Said, answer, said

COLUMNS = backend.row_description([])
ROW = backend.data_row([b"12345"])
DONE = backend.command_complete("SELECT 1")
READY = backend.ready(b"T")
ASKED = deque([QUERY])


def test_of_what_a_client_says_the_values_of_the_first_bind_may_differ():
    parsed, bound = frontend.parse("", "select $1"), frontend.bind("", "", [b"123"])
    rest = frontend.execute() + frontend.sync()
    kinds = [PARSE, BIND, EXECUTE, SYNC]
    expected = Said(parsed + bound[:5], rest, (PARSE, BIND, EXECUTE, SYNC))
    assert said(parsed + bound + rest, kinds) == expected


def test_without_a_bind_nothing_may_differ():
    data = frontend.describe(b"S", "s") + frontend.sync()
    assert said(data, [DESCRIBE, SYNC]) == Said(data, b"", (DESCRIBE, SYNC))


def test_of_an_answer_the_values_of_its_row_may_differ():
    expected = Answer(
        COLUMNS + ROW[:5], DONE + READY, ASKED, run(1, 11) + DONE + READY, 2, 0, ord("T")
    )
    assert answer(COLUMNS + ROW + DONE + READY, ASKED) == expected


def test_an_answer_without_a_row():
    data = message(b"1") + message(b"2") + message(b"n") + READY
    asked = deque([PARSE, BIND, DESCRIBE, SYNC])
    assert answer(data, asked) == Answer(data, b"", asked, data, 4, 2, ord("T"))


@pytest.mark.parametrize(
    "data",
    [
        COLUMNS + ROW + ROW + DONE + READY,
        ROW + DONE,
        READY + DONE,
        backend.error("ERROR", "22012", "division by zero") + READY,
        backend.notice("NOTICE", "00000", "hello") + DONE + READY,
        backend.parameter_status("TimeZone", "UTC") + DONE + READY,
        backend.copy_response(b"H", 0, [0]) + DONE + READY,
        message(b"d", b"1\n") + DONE + READY,
        b"",
    ],
)
def test_other_answers_are_not_remembered(data):
    assert answer(data, ASKED) is None


@pytest.mark.parametrize(
    ("asked", "data"),
    [
        ((BIND, SYNC), READY),
        ((PARSE, BIND, SYNC), message(b"2") + message(b"1") + READY),
        ((BIND, SYNC), message(b"2")),
        ((BIND, SYNC), message(b"2") + READY + READY),
        ((QUERY, QUERY), DONE + READY),
        ((PARSE, SYNC), message(b"1") + ROW + READY),
        ((FUNCTION_CALL,), message(b"V") + READY),
    ],
)
def test_what_is_not_an_answer_to_all_in_its_order_is_not_remembered(asked, data):
    assert answer(data, deque(asked)) is None


def test_what_is_prepared_is_described_by_the_types_of_its_parameters():
    data = message(b"1") + backend.parameter_description([23]) + COLUMNS + READY
    found = answer(data, deque([PARSE, DESCRIBE, SYNC]))
    taped = message(b"1") + backend.parameter_description([23]) + READY
    assert found == Answer(data, b"", deque([PARSE, DESCRIBE, SYNC]), taped, 3, 1, ord("T"))


def test_what_answers_nothing_is_not_remembered():
    assert answer(DONE + READY, deque()) is None
