"""Reads that pass without a closer look: they have the effects that a closer look has."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgward.audit.tape.frames import TapeFullError, run
from pgward.pgwire import backend, frontend
from pgward.pgwire.errors import WireError
from pgward.pgwire.framing import message
from pgward.tunnel.aware import downward, upward
from pgward.tunnel.aware.pending import Pending
from pgward.tunnel.aware.shapes import Shapes
from tests.fixtures.inspecting import SALT, STALE, Inspected, ListTape, Rules, split

COLUMNS = backend.row_description([])
DONE = backend.command_complete("SELECT 1")
READY = backend.ready(b"I")
QUERY = frontend.query("select 1")
BOUND = message(b"2") + COLUMNS


def answer(value: bytes, status: bytes = b"I") -> bytes:
    return COLUMNS + backend.data_row([value]) + DONE + backend.ready(status)


def bound(value: bytes) -> bytes:
    said = frontend.bind("", "s", [value]) + frontend.describe(b"P")
    return said + frontend.execute() + frontend.sync()


@pytest.fixture(autouse=True)
def learns_at_once(monkeypatch):
    for module in (upward, downward):
        monkeypatch.setattr(module, "_LEARN_EACH", 1)


class Session(Inspected):
    """A session with shapes of its own; ``looks`` says that each read gets a closer look."""

    def __init__(self, rules: Rules | None = None, *, looks: bool = False) -> None:
        super().__init__(rules)
        self.looks = looks
        self.passed_at_once = 0
        self.pending = Pending(self.tape, 7, SALT, rules, Shapes())
        self.upward = upward.Upward(self.pending)
        self.downward = downward.Downward(self.pending)

    def up(self, *reads: bytes) -> bytes:
        return b"".join(self._read(self.upward, read) for read in reads)

    def down(self, *reads: bytes) -> bytes:
        return b"".join(self._read(self.downward, read) for read in reads)

    def _read(self, inspector, data: bytes) -> bytes:
        buffer = bytearray(data + STALE)
        if not self.looks and inspector.passes(buffer, len(data)):
            self.passed_at_once += 1
            return data
        with memoryview(buffer)[: len(data)] as view:
            parts = inspector.feed(view)
            return data if parts is None else b"".join(parts)

    def state(self) -> tuple[object, ...]:
        pending, exchange = self.pending, self.exchange
        names = exchange.watcher
        return (
            *(() if names is None else (list(names._awaited), dict(names._known), names._certain)),
            *(list(exchange.queue), exchange.status, exchange.at_ready, exchange.deaf),
            *(pending.answers, pending.marked, pending.sensitive, len(pending.denials)),
            *(self.upward.at_boundary, self.downward.at_boundary, self.tape.frames),
        )


def test_a_query_passes_at_once_and_is_awaited():
    session = Session()
    assert session.up(QUERY) == QUERY
    assert session.passed_at_once == 1
    assert session.tape.frames == [("UP", QUERY)]
    assert bytes(session.exchange.queue) == b"Q"


def test_an_answer_like_one_before_passes_at_once():
    session = Session()
    session.up(QUERY)
    session.down(answer(b"10"))
    session.up(QUERY)
    session.tape.frames.clear()
    assert session.down(answer(b"99")) == answer(b"99")
    assert session.passed_at_once == 3
    assert session.tape.frames == [("DOWN", run(1, 8) + DONE + READY)]
    assert session.exchange.idle
    assert session.pending.answers == 4


def test_what_is_bound_to_other_values_passes_at_once():
    session = Session()
    for value in (b"10", b"99"):
        session.up(bound(value))
        session.down(message(b"2") + answer(value, b"T"))
    assert session.passed_at_once == 2
    assert session.exchange.in_transaction


def test_only_the_inside_of_one_message_may_differ():
    session = Session()
    session.up(QUERY, QUERY)
    session.down(answer(b"10"))
    other = COLUMNS + backend.data_row([b"99"]) + backend.command_complete("SELECT 2") + READY
    assert len(other) == len(answer(b"10"))
    session.down(other)
    assert session.tape.of("DOWN").endswith(b"SELECT 2\0" + READY)


def test_an_answer_to_something_else_gets_a_closer_look():
    session = Session()
    session.up(QUERY)
    session.down(DONE + READY)
    session.up(QUERY, QUERY)
    before = session.passed_at_once
    session.down(DONE + READY)
    assert session.passed_at_once == before
    assert bytes(session.exchange.queue) == b"Q"


def test_an_answer_behind_half_of_one_gets_a_closer_look():
    session = Session()
    session.up(QUERY)
    session.down(DONE + READY)
    session.up(QUERY)
    session.down(COLUMNS + backend.data_row([b"12345"]), DONE + READY)
    assert session.tape.of("DOWN").endswith(run(1, 11) + DONE + READY)


def test_the_answer_to_a_secret_gets_a_closer_look():
    session = Session()
    session.up(QUERY)
    session.down(DONE + READY)
    session.up(frontend.query("alter role r password 'x'"))
    assert session.pending.sensitive
    session.down(DONE + READY)
    assert not session.pending.sensitive


def test_a_secret_never_passes_without_a_closer_look():
    session = Session()
    assert session.up(frontend.query("alter role r password 'x'"))
    session.up(bound(b"a"))
    session.up(bound(b"://u:p@h"), bound(b"://u:p@h"))
    assert session.passed_at_once == 0


def test_nothing_passes_at_once_that_is_ruled():
    session = Session(Rules())
    session.up(QUERY, QUERY, bound(b"a"), bound(b"a"))
    assert session.passed_at_once == 0


def test_texts_that_a_ruling_glances_at_get_a_closer_look():
    rules = Rules(b"alter", every=False)
    session = Session(rules)
    session.up(QUERY, frontend.query("Alter role app rename to x"), *[bound(b"alter")] * 2)
    assert session.passed_at_once == 1
    assert rules.asked == [("query", b"Alter role app rename to x", True)]


def test_answers_of_which_results_are_kept_get_a_closer_look():
    session = Session()
    session.up(QUERY)
    session.down(answer(b"1"))
    session.downward.record(100)
    session.up(QUERY)
    session.down(answer(b"2"))
    assert session.tape.frames[-1] == ("RESULT", answer(b"2"))


def test_names_are_settled_by_answers_that_pass_at_once():
    session = Session(Rules())
    for _ in range(2):
        session.up(frontend.parse("s", "select 1") + bound(b"a"))
        session.down(message(b"1") + message(b"2") + answer(b"1"))
    assert session.passed_at_once == 1
    looking = Session(Rules(), looks=True)
    for _ in range(2):
        looking.up(frontend.parse("s", "select 1") + bound(b"a"))
        looking.down(message(b"1") + message(b"2") + answer(b"1"))
    names, expected = session.exchange.watcher, looking.exchange.watcher
    assert names.of_portal(b"") == expected.of_portal(b"") != ()
    assert (names._awaited, names._known) == (expected._awaited, expected._known)


def test_nothing_passes_that_the_tape_does_not_take():
    session = Session()
    session.up(QUERY)
    session.down(answer(b"1"))
    session.up(QUERY)
    session.tape.full = True
    for refused in (lambda: session.up(QUERY), lambda: session.down(answer(b"1"))):
        with pytest.raises(TapeFullError):
            refused()
    assert bytes(session.exchange.queue) == b"Q"


def test_what_is_known_of_one_session_holds_for_another():
    first = Session()
    first.up(QUERY)
    first.down(answer(b"1"))
    other = Inspected()
    other.pending = Pending(ListTape(), 7, SALT, None, first.pending.shapes)
    inspector = downward.Downward(other.pending)
    other.pending.exchange.queue.append(ord("Q"))
    assert inspector.passes(bytearray(answer(b"2")), len(answer(b"2")))


_ERROR = backend.error("ERROR", "22012", "division by zero")
_DENIED = backend.error("ERROR", "42601", f'syntax error at or near "pgward_denied_{SALT}_1"')
_SAID = (
    *(QUERY, frontend.query("begin"), frontend.query("delete"), frontend.sync()),
    *(frontend.parse("", "select $1") + bound(b"1"), bound(b"12"), bound(b"99"), bound(b"://p")),
    *(frontend.parse("s", "delete"), frontend.query("alter role r password 'x'")),
    *(frontend.copy_data(b"1\n"), frontend.copy_done(), frontend.close(b"S", "s")),
)
_ANSWERS = (
    *(answer(b"1"), answer(b"2"), answer(b"1", b"T"), DONE + READY, READY, _ERROR + READY),
    *(message(b"2") + answer(b"1"), message(b"1") + message(b"2") + answer(b"7"), message(b"1")),
    *(_DENIED + READY, backend.copy_response(b"G", 0, [0]), backend.copy_response(b"H", 0, [0])),
    *(message(b"d", b"1\n"), backend.parameter_status("a", "b"), BOUND, message(b"t", b"\0\0")),
)


_WAYS = ("up", "down")
_SIMPLE = (
    *(answer(b"1"), answer(b"2"), answer(b"1", b"T"), DONE + READY, DONE + backend.ready(b"T")),
    *(_ERROR + READY, COLUMNS, COLUMNS + backend.data_row([b"7"]), _DENIED + READY),
)
_EXTENDED = tuple(message(b"2") + each for each in _SIMPLE)
_TURNS = st.one_of(
    st.tuples(st.sampled_from(_SAID[:3] + _SAID[8:9]), st.sampled_from(_SIMPLE)),
    st.tuples(st.sampled_from(_SAID[5:8]), st.sampled_from(_EXTENDED)),
    st.tuples(st.sampled_from(_SAID) | st.just(b""), st.sampled_from(_ANSWERS) | st.just(b"")),
)


@settings(max_examples=300)
@given(
    st.lists(_TURNS, max_size=12),
    st.booleans(),
    st.just([1000]) | st.lists(st.integers(1, 400), min_size=1, max_size=5),
)
def test_a_closer_look_finds_the_same(turns, ruled, sizes):
    fast, slow = (Session(Rules() if ruled else None, looks=looks) for looks in (False, True))
    # Twice: what is learned the first time is used the second time.
    both = [(way, said) for turn in (*turns, *turns) for way, said in zip(_WAYS, turn, strict=True)]
    for way, said in both:
        for read in split(said, itertools.cycle(sizes)):
            ends = [_end(session, way, read) for session in (fast, slow)]
            assert ends[0] == ends[1]
            assert fast.state() == slow.state()
            if ends[0] is None:
                return


def _end(session: Session, way: str, read: bytes) -> bytes | None:
    try:
        return session.up(read) if way == "up" else session.down(read)
    except WireError:
        return None
