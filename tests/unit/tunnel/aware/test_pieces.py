"""A large message on tape in pieces."""

from pgward.audit.tape.frames import read_piece
from pgward.tunnel.aware.pieces import Pieces
from tests.fixtures.inspecting import Inspected


def test_pieces_lie_behind_each_other_up_to_the_total():
    session = Inspected()
    data = bytes(range(256)) * 1000
    pieces = Pieces(session.pending, len(data), dropped=False)
    for at in range(0, len(data), 50_000):
        pieces.take(memoryview(data)[at : at + 50_000])
    found = [read_piece(frame) for kind, frame in session.tape.frames if kind == "PIECE"]
    assert b"".join(part for _, _, part in found) == data
    assert [total for _, total, _ in found] == [len(data)] * len(found)
    places = [(offset, offset + len(part)) for offset, _, part in found]
    assert [start for start, _ in places] == [0, *(end for _, end in places[:-1])]
    assert pieces.left == 0


def test_a_secret_marks_the_session_once():
    session = Inspected()
    data = b"alter role a password 'x'; alter role b password 'y'" + bytes(10_000)
    pieces = Pieces(session.pending, 2 * len(data), dropped=False)
    for _ in range(2):
        pieces.take(memoryview(data))
    assert session.tape.told == [{"sensitive": True}]
