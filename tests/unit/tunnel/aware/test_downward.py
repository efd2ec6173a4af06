"""What PostgreSQL answers, on its way: passed as it comes, its ends on tape first."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgward.audit.tape.frames import MOST_WHOLE, TapeFullError, run
from pgward.pgwire import backend, frontend
from pgward.pgwire.errors import WireError
from pgward.pgwire.framing import message
from pgward.tunnel.aware.denials import WITHHELD
from tests.fixtures.inspecting import Inspected, ListTape, Rules, kinds, messages, split

QUERY = frontend.query("select 1")
COLUMNS = backend.row_description([])
ROW = backend.data_row([b"12345"])  # 15 bytes of body: 11 without the length
READY = backend.ready(b"I")
DONE = backend.command_complete("SELECT 1")
ANSWER = COLUMNS + ROW + DONE + READY
ERROR = backend.error("ERROR", "22012", "division by zero")
NOTICE = backend.notice("NOTICE", "00000", "hello")
TEXT_COPY = backend.copy_response(b"H", 0, [0])
BINARY_COPY = backend.copy_response(b"H", 1, [1])
COPIED = message(b"c")
COPY_DONE = backend.command_complete("COPY 40")


def copied(rows: list[bytes]) -> bytes:
    return b"".join(message(b"d", row) for row in rows)


def asked(**options) -> Inspected:
    session = Inspected(**options)
    session.up(QUERY)
    session.tape.frames.clear()
    return session


def test_an_answer_passes_as_it_is_and_its_end_is_on_tape_with_its_rows():
    session = asked()
    assert session.downward.feed(memoryview(ANSWER)) is None
    assert session.tape.frames == [("DOWN", run(1, 11) + DONE + READY)]
    assert session.exchange.idle


def test_an_error_that_is_withheld_is_on_tape_and_not_passed_on():
    session = asked()
    withheld: list[bytes] = []

    def withholds(error: memoryview) -> bool:
        withheld.append(bytes(error))
        return True

    session.downward.withholds = withholds
    assert session.down(COLUMNS + ROW + ERROR + NOTICE) == COLUMNS + ROW + NOTICE
    assert withheld == [ERROR]
    assert session.tape.frames == [("DOWN", run(1, 11) + ERROR)]
    assert session.downward.at_boundary


def test_rows_of_many_reads_are_counted_at_the_end():
    session = asked()
    assert session.down(COLUMNS, ROW * 10, ROW * 10) == COLUMNS + ROW * 20
    assert session.tape.frames == []
    assert session.down(DONE + READY) == DONE + READY
    assert session.tape.frames == [("DOWN", run(20, 220) + DONE + READY)]


def test_each_of_several_commands_has_its_rows():
    session = asked()
    said = COLUMNS + ROW + DONE + COLUMNS + ROW + ROW + DONE + DONE + NOTICE + DONE + READY
    assert session.down(said) == said
    expected = run(1, 11) + DONE + run(2, 22) + DONE + DONE + DONE + READY
    assert session.tape.frames == [("DOWN", expected)]


def test_what_tells_nothing_of_an_end_is_not_on_tape():
    session = Inspected()
    said = NOTICE + backend.notification(1, "c", "p") + backend.parameter_status("a", "b")
    assert session.down(said) == said
    assert session.tape.frames == []


def test_the_types_of_parameters_are_on_tape():
    session = Inspected()
    said = backend.parameter_description([23]) + COLUMNS
    session.down(said)
    assert session.tape.frames == [("DOWN", backend.parameter_description([23]))]


def test_a_describe_is_answered_by_columns():
    session = Inspected()
    session.up(frontend.describe(b"P") + frontend.sync())
    session.down(COLUMNS)
    assert bytes(session.exchange.queue) == b"S"


def test_a_function_result_counts_as_a_row():
    session = asked()
    session.down(backend.function_result(b"1234") + READY)
    assert session.tape.frames == [("DOWN", run(1, 8) + READY)]


def test_the_status_of_the_transaction():
    session = asked()
    session.down(DONE + backend.ready(b"T"))
    assert session.exchange.in_transaction
    assert session.exchange.idle


def test_a_message_on_tape_waits_for_its_rest_and_rows_do_not():
    session = asked()
    assert session.down(COLUMNS + ROW[:9]) == COLUMNS + ROW[:9]
    assert session.down(ROW[9:] + DONE[:8]) == ROW[9:]
    assert not session.downward.at_boundary
    assert session.down(DONE[8:] + READY[:2]) == DONE
    assert session.down(READY[2:]) == READY
    assert session.tape.of("DOWN") == run(1, 11) + DONE + READY
    assert session.downward.at_boundary


def test_nothing_passes_whose_end_the_tape_does_not_take():
    session = Inspected(tape=ListTape(full=True))
    with pytest.raises(TapeFullError):
        session.down(ANSWER)


@pytest.mark.parametrize(
    "said", [b"R\0\0\0\x08\0\0\0\0", b"\0\0\0\0\4", b"C\0\0\0\3", b"q\0\0\0\4"]
)
def test_what_is_no_message_of_postgresql_is_refused(said):
    with pytest.raises(WireError, match="cannot be read"):
        Inspected().down(said)


@pytest.mark.parametrize("said", [b"D\0\0\0\3", ROW + b"D\0\0\0\3", BINARY_COPY + b"d\0\0\0\0"])
def test_rows_of_an_impossible_length_are_refused(said):
    with pytest.raises(WireError, match="cannot be read"):
        asked().down(said + bytes(10))


def test_a_large_error_passes_and_its_sqlstate_is_on_tape():
    session = asked()
    error = backend.error("ERROR", "22012", "x" * 200_000)
    reads = split(error + READY, itertools.cycle([MOST_WHOLE]))
    assert session.down(*reads) == error + READY
    frames = messages(session.tape.of("DOWN"))
    assert [kind for kind, _ in frames] == ["E", "Z"]
    assert backend.read_fields(frames[0][1])["C"] == "22012"


@pytest.mark.parametrize("kind", [b"C", b"Z", b"1", b"H", b"t"])
def test_what_is_read_whole_and_says_that_it_is_too_large_is_refused_at_its_header(kind):
    header = kind + (0x3FFFFFFF).to_bytes(4)
    session = Inspected()
    assert session.down(header[:4]) == b""
    with pytest.raises(WireError, match="cannot be read"):
        session.down(header[4:])


@pytest.mark.parametrize("body", [b"", b"client_encoding", b"client_encoding\0UTF8"])
def test_a_setting_that_is_none_is_refused_where_rules_look_at_it(body):
    said = message(b"S", body)
    assert Inspected().down(said) == said
    with pytest.raises(WireError, match="cannot be read") as caught:
        Inspected(Rules()).down(said)
    assert caught.value.sqlstate == "08006"


def test_a_tag_that_is_too_large_is_refused():
    with pytest.raises(WireError, match="cannot be read"):
        Inspected().down(message(b"C", bytes(2 * MOST_WHOLE))[:MOST_WHOLE])


def test_a_ruling_hears_of_settings_however_they_come():
    session = Inspected(Rules())
    said = backend.parameter_status("client_encoding", "LATIN1")
    assert session.down(ROW + said[:9], said[9:], said) == ROW + said * 2
    assert session.rules.settings == [("client_encoding", "LATIN1")] * 2


# --- errors -----------------------------------------------------------------------------


def test_an_error_is_on_tape_as_it_is():
    session = asked()
    assert session.down(ERROR + READY) == ERROR + READY
    assert session.tape.frames == [("DOWN", ERROR + READY)]


def test_an_error_that_may_quote_a_secret_is_on_tape_without_its_text():
    session = Inspected()
    session.up(frontend.query("alter role r password 'hunter2' oops"))
    error = backend.error("ERROR", "42601", "syntax error at or near hunter2")
    assert session.down(error + READY) == error + READY
    hidden = backend.error("ERROR", "42601", WITHHELD)
    assert session.tape.frames[-1] == ("DOWN", hidden + READY)
    session.up(QUERY)
    session.down(ERROR + READY)
    assert session.tape.frames[-1] == ("DOWN", ERROR + READY)


# --- COPY ---------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [TEXT_COPY, BINARY_COPY])
def test_a_copy_is_counted(start):
    session = asked()
    rows = [b"%d\n" % n for n in range(3000)]
    tag = backend.command_complete("COPY 3000")
    said = start + copied(rows) + COPIED + tag + READY
    assert session.down(*split(said, itertools.cycle([5000]))) == said
    size = sum(map(len, rows))
    assert session.tape.of("DOWN") == start + COPIED + run(3000, size) + tag + READY


def test_copies_behind_each_other_are_told_apart():
    session = asked()
    rows = [b"%d\tsome text, to make the row long enough\n" % n for n in range(30)]
    tag = backend.command_complete("COPY 30")
    one = TEXT_COPY + copied(rows) + COPIED + tag
    assert session.down(one * 3 + READY) == one * 3 + READY
    summary = TEXT_COPY + COPIED + run(30, sum(map(len, rows))) + tag
    assert session.tape.of("DOWN") == summary * 3 + READY


def test_a_copy_that_fails():
    session = asked()
    rows = [b"%d\tsome text, to make the row long enough\n" % n for n in range(300)]
    said = TEXT_COPY + copied(rows) + ERROR + READY
    assert session.down(said) == said
    assert kinds(session.tape.of("DOWN")) == "H#EZ"


def test_bytes_of_a_failed_copy_are_not_those_of_what_follows():
    session = asked()
    session.up(QUERY)
    row = b"some text, to make the row long enough\n"
    skipped = copied([row] * 100) + message(b"d", row)[:9]
    session.down(TEXT_COPY, skipped)
    assert session.down(message(b"d", row)[9:] + ERROR + READY + ANSWER)
    summary = messages(session.tape.of("DOWN"))
    assert [kind for kind, _ in summary] == ["H", "#", "E", "Z", "#", "C", "Z"]
    assert summary[4][1] == run(1, 11)[5:]


def test_rows_of_a_query_behind_a_failed_copy():
    session = asked()
    session.up(QUERY)
    rows = [b"%d\tsome text, to make the row long enough\n" % n for n in range(300)]
    said = TEXT_COPY + copied(rows) + ERROR + READY + ANSWER
    assert session.down(said) == said
    assert kinds(session.tape.of("DOWN")) == "H#EZ#CZ"


# --- recordings ---------------------------------------------------------------------------


def test_the_first_bytes_of_each_answer_are_recorded():
    session = asked(results=20)
    assert session.down(ANSWER[:9], ANSWER[9:]) == ANSWER
    assert session.tape.of("RESULT") == ANSWER[:20]
    session.up(QUERY)
    session.down(ANSWER)
    assert session.tape.of("RESULT") == ANSWER[:20] * 2


def test_answers_that_may_hold_a_secret_are_not_recorded():
    session = Inspected(results=100)
    session.up(frontend.query("alter role r password 'hunter2'"))
    session.down(ANSWER)
    assert session.tape.of("RESULT") == b""


def test_answers_are_recorded_from_the_next_one_on():
    session = asked()
    session.down(ANSWER[:9])
    session.downward.record(20)  # in the middle of one
    session.down(ANSWER[9:])
    assert session.tape.of("RESULT") == b""
    session.up(QUERY)
    session.down(ANSWER)
    assert session.tape.of("RESULT") == ANSWER[:20]
    session.downward.record(30)  # between two
    session.up(QUERY)
    session.down(ANSWER)
    assert session.tape.of("RESULT") == ANSWER[:20] + ANSWER[:30]


def test_answers_are_recorded_no_more_at_once():
    session = asked(results=100)
    session.down(COLUMNS)
    session.downward.record(0)
    session.down(ANSWER.removeprefix(COLUMNS))
    assert session.tape.of("RESULT") == COLUMNS


# --- bytes --------------------------------------------------------------------------------

WORDS = {
    "answer": ANSWER,
    "error": ERROR + READY,
    "notice": NOTICE,
    "rows": COLUMNS + ROW * 20 + DONE + READY,
    "extended": message(b"1") + message(b"2") + ANSWER,
    "copy": TEXT_COPY + copied([b"x" * 40 + b"\n"] * 40) + COPIED + COPY_DONE + READY,
    "copy of d": TEXT_COPY + copied([b"x" * 40 + b"d\n"] * 40) + COPIED + COPY_DONE + READY,
    "binary": BINARY_COPY + copied([b"\nd\0\0\x20\n"] * 40) + COPIED + DONE + READY,
    "long row": COLUMNS + backend.data_row([bytes(70_000)]) + DONE + READY,
}


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(list(WORDS)), max_size=6),
    st.lists(st.sampled_from([1, 2, 4, 5, 6, 100, 1000, 65536]), min_size=1, max_size=5),
)
def test_however_it_is_cut_the_same_passes_and_the_same_is_on_tape(said, sizes):
    data = b"".join(WORDS[word] for word in said)
    factor = 1 if len(data) < 3000 else 100
    cut, whole = Inspected(), Inspected()
    for session in (cut, whole):
        session.up(QUERY * len(said))
    assert cut.down(*split(data, itertools.cycle([size * factor for size in sizes]))) == data
    assert whole.down(*split(data, itertools.cycle([65536]))) == data
    assert cut.exchange.queue == whole.exchange.queue
    assert cut.tape.of("DOWN") == whole.tape.of("DOWN")


@given(st.integers(0, 2**32))
def test_a_copy_of_any_rows_is_counted_however_it_is_cut(seed):
    source = random.Random(seed)
    rows = [
        bytes(source.choices(b"d\n\t01cCdZI\4\5", k=source.choice([0, 1, 90, 255, 256, 700])))
        + b"\n"
        for _ in range(60)
    ]
    tag = backend.command_complete("COPY 60")
    said = TEXT_COPY + copied(rows) + COPIED + tag + READY + ANSWER
    session = Inspected()
    session.up(QUERY, QUERY)
    sizes = iter(lambda: source.choice([3, 600, 5000, 65536]), None)
    assert session.down(*split(said, sizes)) == said
    expected = TEXT_COPY + COPIED + run(60, sum(map(len, rows))) + tag + READY
    assert session.tape.of("DOWN") == expected + run(1, 11) + DONE + READY


def test_the_types_of_as_many_parameters_as_there_can_be_are_on_tape():
    types = backend.parameter_description([25] * 65_535)
    session = Inspected()
    reads = split(types + COLUMNS, itertools.cycle([10_000]))
    assert session.down(*reads) == types + COLUMNS
    assert b"".join(data for _, data in session.tape.frames) == types


def test_types_of_more_parameters_than_can_be_bound_pass_and_are_not_on_tape():
    types = message(b"t", bytes(2) + bytes(4 * 100_000))  # PostgreSQL counts them in 16 bits
    session = Inspected()
    session.up(frontend.parse("s", "select 1"), frontend.describe(b"S", "s"), frontend.sync())
    session.tape.frames.clear()
    said = message(b"1") + types + COLUMNS + READY
    assert session.down(*split(said, itertools.cycle([10_000]))) == said
    assert session.tape.of("DOWN") == message(b"1") + READY
    assert session.exchange.idle


def test_a_setting_of_any_length_passes_whatever_rules_there_are():
    session = Inspected(Rules())
    said = backend.parameter_status("search_path", "x" * 200_000) + READY
    assert session.down(*split(said, itertools.cycle([MOST_WHOLE]))) == said


def test_files_of_a_base_backup_are_no_rows_as_text():
    session = asked()
    row = b"\nd\0\0" * 500
    said = backend.copy_response(b"H", 0, []) + copied([row] * 9) + COPIED + COPY_DONE
    assert session.down(*split(said, itertools.cycle([4096]))) == said
    assert run(9, 9 * len(row)) in session.tape.of("DOWN")
