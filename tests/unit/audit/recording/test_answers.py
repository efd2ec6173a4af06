import struct
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pgward.audit.recording.answers import Answers, Column, Table, lines, shown, table


def message(kind, body=b""):
    return kind + struct.pack("!I", len(body) + 4) + body


def description(*columns, form=0):
    body = struct.pack("!H", len(columns))
    for name, kind in columns:
        body += name.encode() + b"\0" + struct.pack("!IhIhih", 0, 0, kind, 0, 0, form)
    return message(b"T", body)


def row(*values):
    body = struct.pack("!H", len(values))
    for value in values:
        body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
    return message(b"D", body)


def complete(tag=b"SELECT 1"):
    return message(b"C", tag + b"\0")


READY = message(b"Z", b"I")
ANSWER = description(("n", 23), ("word", 25)) + row(b"1", "crème".encode()) + complete() + READY
SHOWN = [" n |  word", "--+------", "1 | crème", "(1 row)"]


def strip(answers):
    return [line.strip() for line in lines(answers)]


def test_a_table():
    assert strip(Answers().feed(ANSWER)) == strip(SHOWN)


@given(st.lists(st.integers(0, len(ANSWER)), max_size=4))
def test_however_it_is_cut(places):
    answers, found, ends = Answers(), [], [0, *sorted(places), len(ANSWER)]
    for first, last in pairwise(ends):
        found += answers.feed(ANSWER[first:last])
    assert strip(found) == strip(SHOWN)


def test_values_that_are_not_text():
    number = struct.pack("!i", 42)
    data = description(("n", 23), form=1) + row(number) + row(None) + complete()
    assert strip(Answers().feed(data))[2:] == ["42", "NULL", "(2 rows)"]
    # What describes a prepared statement does not say that its values come in binary.
    data = description(("n", 23)) + READY
    answers = Answers()
    assert answers.feed(data) == []
    assert strip(answers.feed(row(number) + complete()))[2:] == ["42", "(1 row)"]
    # Nobody described this one.
    assert strip(answers.feed(row(number, b"x") + complete())) == ["\\x0000002a | x", "(1 row)"]


def test_values_of_a_statement_that_was_described_as_it_was_prepared():
    number = row(struct.pack("!i", 42)) + complete() + READY
    answers = Answers()
    answers.prepared("s1")
    assert answers.feed(description(("n", 23)) + READY) == []
    answers.prepared("s2")
    assert answers.feed(description(("t", 25)) + READY) == []
    for _ in range(2):
        answers.executed("s1")
        assert strip(answers.feed(number)) == ["n", "--", "42", "(1 row)"]
    answers.executed("s1")
    assert answers.feed(message(b"E", b"\0") + READY) == []
    answers.executed("another")
    assert strip(answers.feed(number))[0] == "\\x0000002a"


def test_of_several_statements_on_their_way_nobody_knows_whose_the_rows_are():
    answers = Answers()
    answers.prepared("s1")
    answers.feed(description(("n", 23)) + READY)
    answers.executed("s1")
    answers.executed("s1")
    number = row(struct.pack("!i", 42)) + complete()
    assert strip(answers.feed(number + number + READY))[::2] == ["\\x0000002a"] * 2


def test_a_named_statement_without_rows_and_one_that_gets_another():
    answers = Answers()
    answers.prepared("s1")
    answers.feed(description(("n", 23)) + READY)
    answers.prepared("s1")
    answers.feed(message(b"n") + READY)
    answers.executed("s1")
    assert answers.feed(complete(b"INSERT 0 1") + READY) == []


def test_no_rows_and_copied_ones():
    assert strip(Answers().feed(description(("n", 23)) + complete(b"SELECT 0")))[-1] == "(0 rows)"
    assert Answers().feed(message(b"H", b"\0\0\0") + message(b"d", b"1\tx\n")) == ["1       x"]


def test_what_came_beside_an_answer():
    notice = message(b"N", b"SHINWEIS\0VNOTICE\0C00000\0Mhello\nthere\0\0")
    told = message(b"A", struct.pack("!I", 7) + b"news\0it is here\0")
    silent = message(b"A", struct.pack("!I", 7) + b"news\0\0")
    assert Answers().feed(notice + told + silent + READY) == [
        "HINWEIS:  hello⏎there",
        "(notified on news: it is here)",
        "(notified on news)",
    ]


def test_an_answer_of_which_only_the_beginning_was_recorded():
    answers = Answers(limit=len(ANSWER) - 20)
    first = answers.feed(ANSWER[: len(ANSWER) - 20])
    assert first[-1] == "(what followed was not recorded)"
    assert strip(answers.feed(description(("a", 23)) + row(b"7") + complete()))[2:3] == ["7"]


def test_when_the_thread_is_lost_the_next_read_begins_anew():
    answers = Answers()
    assert answers.feed(b"\x01\x02\x03\x04\x05\x06") == ["(what followed was not recorded)"]
    assert strip(answers.feed(ANSWER)) == strip(SHOWN)


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_rubbish_does_no_harm(reads):
    answers = Answers(limit=100)
    for data in reads:
        assert all(isinstance(each, str | Table) for each in answers.feed(data))


@given(st.binary(max_size=40))
def test_rubbish_within_messages(body):
    for kind in (b"T", b"D", b"C", b"Z", b"N", b"A"):
        Answers().feed(message(kind, body) + complete())


def test_controls_are_not_shown():
    assert shown(b"\x1b[2J") == "\\x1b5b324a"
    assert shown("ä\n".encode()) == "ä\n"
    assert list(table(["a"], [["1\n2"]]))[-1] == "1⏎2"


def test_a_table_as_it_is():
    data = description(("n", 23), ("word", 25)) + row(b"1", None) + complete() + READY
    columns = [Column("n", 23, binary=False), Column("word", 25, binary=False)]
    assert Answers().feed(data) == [Table(columns, [["1", None]], whole=True)]


def test_what_is_held_is_weighed():
    answers = Answers()
    assert answers.weight == 0
    answers.feed(description(("n", 23)) + row(b"12345") + row(b"1")[:6])
    assert answers.weight == len("12345") + 6
