"""What a client says, on its way: strictly read, on tape before it passes, never gathered."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgward.audit.tape.frames import MOST_WHOLE, TapeFullError, run
from pgward.pgwire import frontend
from pgward.pgwire.errors import WireError
from pgward.pgwire.framing import message
from pgward.pgwire.states import MOST_LENGTH
from tests.fixtures.inspecting import Inspected, ListTape, kinds, pieces, split

QUERY = frontend.query("select 1")
EXTENDED = frontend.parse("", "select $1") + frontend.bind("", "", [b"1"])
EXTENDED += frontend.describe(b"P") + frontend.execute() + frontend.sync()
COPY = frontend.copy_data(b"1\n") + frontend.copy_data(b"22\n") + frontend.copy_done()


@pytest.mark.parametrize("said", [QUERY, EXTENDED, EXTENDED * 3, frontend.terminate()])
def test_what_is_whole_passes_as_it_is_and_is_one_frame(said):
    session = Inspected()
    assert session.upward.feed(memoryview(said)) is None
    assert session.tape.frames == [("UP", said)]


def test_what_is_asked_is_awaited():
    session = Inspected()
    session.up(QUERY, EXTENDED, frontend.flush())
    assert bytes(session.exchange.queue) == b"QPBDES"


def test_a_message_waits_for_its_rest():
    session = Inspected()
    assert session.up(QUERY[:3]) == b""
    assert session.up(QUERY[3:9]) == b""
    assert session.tape.frames == []
    assert session.up(QUERY[9:]) == QUERY
    assert session.tape.frames == [("UP", QUERY)]


def test_what_is_whole_passes_before_what_is_not():
    session = Inspected()
    assert session.up(EXTENDED + QUERY[:7]) == EXTENDED
    assert session.up(QUERY[7:] + EXTENDED) == QUERY + EXTENDED
    assert session.tape.frames == [("UP", EXTENDED), ("UP", QUERY + EXTENDED)]


def test_copy_data_is_counted_and_not_kept():
    session = Inspected()
    assert session.up(QUERY + COPY + QUERY) == QUERY + COPY + QUERY
    done = frontend.copy_done()
    assert session.tape.frames == [("UP", QUERY), ("COUNT", run(2, 5)), ("UP", done + QUERY)]


def test_copy_data_passes_in_pieces():
    session = Inspected()
    data = frontend.copy_data(bytes(100_000))
    assert session.up(data[:5]) == data[:5]
    assert session.up(data[5:99_000]) == data[5:99_000]
    assert session.up(data[99_000:] + frontend.copy_done()) == data[99_000:] + frontend.copy_done()
    assert session.tape.frames == [("COUNT", run(1, 100_000)), ("UP", frontend.copy_done())]


def test_the_header_of_copy_data_waits():
    session = Inspected()
    assert [session.up(bytes([byte])) for byte in COPY[:7]] == [b"", b"", b"", b"", COPY[:5]] + [
        bytes([byte]) for byte in COPY[5:7]
    ]


def test_copy_data_that_never_ends_is_counted_at_the_end_of_the_session():
    session = Inspected()
    session.up(frontend.copy_data(b"12\n"))
    session.upward.close()
    session.upward.close()
    assert session.tape.frames == [("COUNT", run(1, 3))]


def test_a_large_message_passes_in_pieces_as_it_comes():
    session = Inspected()
    said = frontend.query("select '" + "x" * 300_000 + "'")
    reads = split(said + QUERY, itertools.cycle([65536, 4096]))
    assert [session.up(read) for read in reads] == reads
    assert pieces(session.tape) == said
    assert session.tape.of("UP") == QUERY
    assert bytes(session.exchange.queue) == b"QQ"


def test_all_of_a_large_message_is_on_tape_before_its_last_byte_passes():
    session = Inspected()
    said = frontend.query("x" * 100_000)
    session.up(said[:-1])
    assert len(pieces(session.tape)) > len(said) - 100
    session.tape.full = True
    with pytest.raises(TapeFullError):
        session.up(said[-1:])


def test_the_longest_message_that_is_one_frame():
    session = Inspected()
    said = frontend.query("x" * (MOST_WHOLE - 6))
    assert session.up(said[:-1]) == b""
    assert session.up(said[-1:]) == said
    assert session.tape.frames == [("UP", said)]


def test_nothing_passes_that_the_tape_does_not_take():
    session = Inspected(tape=ListTape(full=True))
    with pytest.raises(TapeFullError):
        session.up(QUERY)


@pytest.mark.parametrize("kind", [k for k in range(256) if k not in MOST_LENGTH])
def test_an_unknown_type_is_refused_by_its_header(kind):
    session = Inspected()
    with pytest.raises(WireError, match="no message of PostgreSQL's protocol"):
        session.up(bytes([kind]) + b"\0\0\0\4")
    assert session.tape.frames == []


@pytest.mark.parametrize(
    "said",
    [
        b"Q\0\0\0\3",
        b"Q\x40\0\0\0",
        b"S\0\1\0\0",
        b"d\0\0\0\3",
        b"d\xff\xff\xff\xff",
        b"X\x7f\0\0\0",
    ],
)
def test_an_impossible_length_is_refused_by_its_header(said):
    session = Inspected()
    with pytest.raises(WireError, match="impossible length"):
        session.up(QUERY + said)


def test_a_short_kind_of_message_may_not_be_long():
    with pytest.raises(WireError, match="impossible length"):
        Inspected().up(message(b"D", bytes(20_000)))


def test_ten_thousand_pipelined_statements():
    session = Inspected()
    said = EXTENDED * 10_000
    reads = split(said, itertools.cycle([65536]))
    assert session.up(*reads) == said
    assert session.tape.of("UP") == said
    assert len(session.exchange.queue) == 50_000


# --- secrets -----------------------------------------------------------------------------


def test_a_password_is_not_on_tape():
    session = Inspected()
    said = frontend.query("alter role alice password 'hunter2'")
    assert session.up(said) == said
    assert session.tape.frames[0] == ("NOTE", b'{"sensitive":true}')
    assert session.tape.frames[1][0] == "UP"
    assert b"alter role alice password '***'" in session.tape.frames[1][1]
    assert session.pending.sensitive


def test_a_password_of_a_message_that_came_in_two_reads_is_not_on_tape():
    session = Inspected()
    said = frontend.query("alter role alice passWORD 'hunter2'")
    assert session.up(said[:25], said[25:]) == said
    assert b"hunter2" not in session.tape.of("UP")


def test_only_the_word_is_no_secret():
    session = Inspected()
    said = frontend.query("select password_changed_at from users") + EXTENDED
    assert session.up(said) == said
    assert session.tape.frames == [("UP", said)]
    assert not session.pending.sensitive


def test_a_parameter_that_is_a_secret_by_its_place_is_not_on_tape():
    session = Inspected()
    session.up(frontend.parse("s", "insert into users (name, password) values ($1, $2)"))
    bound = frontend.bind("", "s", [b"alice", b"hunter2"])
    assert session.up(bound) == bound
    assert b"alice" in session.tape.of("UP")
    assert b"hunter2" not in session.tape.of("UP")
    session.up(frontend.close(b"S", "s"))
    session.up(frontend.parse("s", "insert into pets (name, kind) values ($1, $2)"))
    assert session.up(bound) == bound
    assert session.tape.frames[-1] == ("UP", bound)


@pytest.mark.parametrize("cut", [70_000, 70_003, 70_010, 70_015, 70_020])
def test_a_password_within_pieces_is_masked(cut):
    session = Inspected()
    text = "x" * 69_990 + " alter role alice password 'hunter2'; " + "y" * 5000
    said = frontend.query(text)
    assert session.up(said[:cut], said[cut:]) == said
    assert pieces(session.tape) == said.replace(b"hunter2", b"*******")
    assert session.pending.sensitive


# --- bytes ------------------------------------------------------------------------------

WORDS = {
    "query": QUERY,
    "extended": EXTENDED,
    "copy": COPY,
    "sync": frontend.sync(),
    "flush": frontend.flush(),
    "close": frontend.close(b"S", "x"),
    "secret": frontend.query("create role r password 'x1y2z3'"),
    "function": frontend.function_call(1598, [b"1"]),
    "fail": frontend.copy_fail("why"),
    "rows": frontend.copy_data(b"a\n") * 5,
    "large": frontend.query("x" * 70_000),
    "large row": frontend.copy_data(b"x" * 70_000),
}
words = st.sampled_from(list(WORDS))
sizes = st.lists(st.sampled_from([1, 2, 4, 5, 6, 100, 4096, 65536]), min_size=1, max_size=5)


def reads_of(data: bytes, sizes: list[int]) -> list[bytes]:
    """Cut into small reads what is small, and into larger ones what is large."""
    factor = 1 if len(data) < 3000 else 1000
    return split(data, itertools.cycle([min(65536, size * factor) for size in sizes]))


@settings(max_examples=50)
@given(st.lists(words, max_size=6), sizes)
def test_however_it_is_cut_the_same_passes_and_the_same_is_on_tape(said, sizes):
    data = b"".join(WORDS[word] for word in said)
    cut, whole = Inspected(), Inspected()
    assert cut.up(*reads_of(data, sizes)) == data
    assert whole.up(*split(data, itertools.cycle([65536]))) == data
    for session in (cut, whole):
        session.upward.close()
    assert cut.exchange.queue == whole.exchange.queue
    for kind in ("UP", "COUNT"):
        assert cut.tape.of(kind) == whole.tape.of(kind)
    assert kinds(whole.tape.of("UP")).count("Q") == len(
        [w for w in said if w in ("query", "secret")]
    )


@settings(max_examples=50)
@given(st.lists(words, max_size=3), st.binary(max_size=60), sizes)
def test_garbage_never_passes_a_header_that_is_none(said, garbage, sizes):
    data = b"".join(WORDS[word] for word in said)
    session, through = Inspected(), b""
    try:
        for read in reads_of(data + garbage, sizes):
            through += session.up(read)
    except WireError:
        assert (data + garbage).startswith(through)
    else:
        assert (data + garbage).startswith(through)
        assert len(data + garbage) - len(through) < MOST_WHOLE
