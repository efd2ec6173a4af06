"""Whatever either end says: a read that passes at once has the effects of a closer look.

Sessions share what is remembered of reads, so that one that lies could teach the others.
"""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgward.pgwire import backend, frontend
from pgward.pgwire.errors import WireError
from pgward.pgwire.framing import message
from pgward.tunnel.aware import downward, upward
from pgward.tunnel.aware.pending import Pending
from pgward.tunnel.aware.shapes import Shapes
from tests.fixtures.inspecting import SALT, Rules
from tests.unit.tunnel.aware.test_passing import Session

PARSE = [frontend.parse(name, text) for name in ("", "s") for text in ("select $1", "delete")]
BIND = [frontend.bind("", name, [value]) for name in ("", "s") for value in (b"1", b"alter")]
RUN = frontend.describe(b"P") + frontend.execute() + frontend.sync()
SAID = [
    *(frontend.query(text) for text in ("select 1", "select 2", "delete", "alter role r", "")),
    *(each + RUN for each in BIND),
    *(parse + bind + RUN for parse in PARSE for bind in BIND),
    *(each + frontend.sync() for each in PARSE),
    *(PARSE[0], BIND[0], frontend.execute(), frontend.sync(), frontend.close(b"S", "s")),
    *(frontend.function_call(7, [b"x"]), frontend.copy_data(b"1\n"), frontend.copy_done()),
    frontend.query("alter role r password 'x'"),
]
COLUMNS, ROWS = backend.row_description([]), [backend.data_row([each]) for each in (b"1", b"2")]
DONE = backend.command_complete("SELECT 1")
READY = [backend.ready(each) for each in (b"I", b"T")]
DENIED = backend.error("ERROR", "42601", f'at or near "pgward_denied_{SALT}_1"')
PARTS = [
    *(message(each) for each in (b"1", b"2", b"3", b"n", b"s", b"I", b"c")),
    *(COLUMNS, *ROWS, DONE, *READY, DENIED, backend.parameter_description([23])),
    *(backend.copy_response(each, 0, [0]) for each in (b"G", b"H")),
]
TOLD = [
    *(COLUMNS + row + DONE + ready for row in ROWS for ready in READY),
    *(message(b"2") + COLUMNS + row + DONE + READY[0] for row in ROWS),
    *(message(b"1") + message(b"2") + COLUMNS + row + DONE + READY[0] for row in ROWS),
    *READY,
]


@pytest.fixture(autouse=True)
def learns_at_once(monkeypatch):
    for module in (upward, downward):
        monkeypatch.setattr(module, "_LEARN_EACH", 1)


def a_session(every: bool | None, shapes: Shapes) -> Session:
    """Return a session that passes reads at once; ``every`` is the rules', None without rules."""
    made = Session(None if every is None else Rules(every=every))
    made.pending = Pending(made.tape, 7, SALT, made.pending.ruling, shapes)
    made.upward = upward.Upward(made.pending)
    made.downward = downward.Downward(made.pending)
    return made


def known_names(session: Session) -> object:
    names = session.exchange.watcher
    return None if names is None else (names._known, names._awaited, names._certain)


def said_by(choice: random.Random, *, client: bool) -> bytes:
    if client:
        return choice.choice(SAID)
    if choice.random() < 0.7:
        return choice.choice(TOLD)
    return b"".join(choice.choices(PARTS, k=choice.randrange(1, 5)))


def heard(session: Session, data: bytes, *, client: bool) -> bytes | str:
    try:
        return session.up(data) if client else session.down(data)
    except WireError as error:
        return error.message


@settings(max_examples=100)
@given(st.integers(0, 2**32), st.sampled_from([None, True, False]))
def test_lies_have_no_other_effects_than_a_closer_look_finds(seed, every):
    choice, shapes = random.Random(seed), Shapes()
    pairs = [
        (
            a_session(every, shapes),
            Session(None if every is None else Rules(every=every), looks=True),
        )
        for _ in range(2)
    ]
    before: dict[bool, list[bytes]] = {True: [SAID[0]], False: [TOLD[0]]}
    for _ in range(40):
        client = choice.random() < 0.5
        again = choice.random() < 0.5
        data = choice.choice(before[client]) if again else said_by(choice, client=client)
        before[client].append(data)
        fast, slow = choice.choice(pairs)
        told = heard(fast, data, client=client)
        assert told == heard(slow, data, client=client)
        assert fast.state() == slow.state()
        assert known_names(fast) == known_names(slow)
        if isinstance(told, str):
            return
