"""What must hold of an aware session's inspectors for any bytes, from either end.

The bytes of a target begin with one that chooses the rules; ``session`` cuts the others into what
the client and PostgreSQL say in turn.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from pgward.pgwire import backend, frontend
from pgward.pgwire.errors import WireError
from pgward.pgwire.framing import HEADER, message
from pgward.pgwire.states import PARSE, QUERY
from tests.fixtures.inspecting import SALT, Inspected, Rules

_RULED, _MARK = 1, 128
_WORD = b"drop"


class _Said(NamedTuple):
    """What one end says at once."""

    by_client: bool
    data: bytes


class _End(NamedTuple):
    """What became of a session: what passed each way, and whether it was refused."""

    session: Inspected
    up: bytes
    down: bytes
    refused: bool


def upward(data: bytes) -> None:
    """See that however it is cut the same passes, is on tape, and nothing denied passes."""
    ruled, said = data[:1] == bytes([_RULED]), data[1:]
    whole = _run([_Said(True, said)], ruled=ruled)
    cut = _run(_cut([_Said(True, said)]), ruled=ruled)
    assert whole.refused == cut.refused
    assert whole.refused or _known(whole, "UP") == _known(cut, "UP")
    assert whole.refused or whole.up == cut.up
    if ruled:
        assert not any(_WORD in text for text in _texts(cut.up))


def session(data: bytes) -> None:
    """See that both ends together are understood the same however what they say is cut."""
    ruled, turns = data[:1] == bytes([_RULED]), list(_turns(data[1:]))
    whole, cut = _run(turns, ruled=ruled), _run(_cut(turns), ruled=ruled)
    if not (whole.refused or cut.refused or ruled):
        assert (whole.up, whole.down) == (cut.up, cut.down)
        assert _known(whole, "DOWN") == _known(cut, "DOWN")


def played(data: bytes) -> Inspected:
    """Return a session of which ``session`` takes the bytes, as far as it goes."""
    return _run(_turns(data[1:]), ruled=data[:1] == bytes([_RULED])).session


def _run(turns: Iterable[_Said], *, ruled: bool) -> _End:
    made, up, down = Inspected(Rules(_WORD) if ruled else None), b"", b""
    try:
        for said in turns:
            if said.by_client:
                up += made.up(said.data)
            else:
                down += made.down(said.data)
    except WireError:
        return _End(made, up, down, refused=True)
    return _End(made, up, down, refused=False)


def _known(end: _End, kind: str) -> tuple[bytes, list[int]]:
    return end.session.tape.of(kind), list(end.session.exchange.queue)


def _cut(turns: Iterable[_Said]) -> list[_Said]:
    return [
        _Said(said.by_client, said.data[at : at + 1])
        for said in turns
        for at in range(len(said.data))
    ]


def _turns(data: bytes) -> Iterable[_Said]:
    while data:
        size = data[0] % _MARK + 1
        yield _Said(data[0] < _MARK, data[1 : 1 + size])
        data = data[1 + size :]


def _texts(said: bytes) -> Iterable[bytes]:
    """Return the texts of statements as PostgreSQL reads them."""
    while len(said) >= HEADER:
        end = 1 + int.from_bytes(said[1:HEADER])
        body = said[HEADER:end]
        if said[0] == QUERY:
            yield body.partition(b"\0")[0]
        if said[0] == PARSE:
            yield body.partition(b"\0")[2].partition(b"\0")[0]
        said = said[end:]


def _turn(said: bytes, *, by_client: bool) -> bytes:
    return bytes([len(said) - 1 + (0 if by_client else _MARK)]) + said


def _session(*turns: bytes) -> list[bytes]:
    """Return the seeds of a session in which the client speaks first."""
    said = b"".join(_turn(each, by_client=at % 2 == 0) for at, each in enumerate(turns))
    return [bytes([ruled]) + said for ruled in (0, _RULED)]


def _extended(text: str) -> bytes:
    made = frontend.parse("s", text) + frontend.bind("", "s", [b"1"])
    return made + frontend.describe(frontend.PORTAL) + frontend.execute() + frontend.sync()


_READY = backend.ready()
_DONE = backend.command_complete("SELECT 1") + _READY
_ANSWER = backend.row_description([]) + backend.data_row([b"1"]) + _DONE
_SYNTAX = backend.error("ERROR", "42601", f'syntax error at or near "pgward_denied_{SALT}_1"')
_COPY = frontend.copy_data(b"1\n") * 2 + frontend.sync() + frontend.copy_done()
_SAID: Sequence[bytes] = (
    frontend.query("select 1"),
    frontend.query("drop table t"),
    frontend.query("alter role ann password 'secret'"),
    _extended("select $1"),
    _extended("drop table t"),
    frontend.function_call(7, [b"1"]),
    _COPY,
)

TARGETS: dict[str, Callable[[bytes], None]] = {"session": session, "upward": upward}

SEEDS: dict[str, list[bytes]] = {
    "session": [
        *_session(frontend.query("select 1"), _ANSWER),
        *_session(_extended("drop table t"), _SYNTAX + _READY),
        *_session(_extended("select $1"), message(b"1") + message(b"2") + message(b"n") + _DONE),
        *_session(
            frontend.query("copy t from stdin"),
            backend.copy_response(backend.COPY_IN, 0, [0]),
            _COPY,
            backend.command_complete("COPY 2") + _READY,
        ),
        *_session(
            frontend.query("copy t to stdout"),
            backend.copy_response(backend.COPY_OUT, 0, [0]) + _COPY[:14] + _DONE,
        ),
    ],
    "upward": [bytes([ruled]) + said for ruled in (0, _RULED) for said in _SAID],
}
