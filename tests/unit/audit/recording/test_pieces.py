import json

import pytest

from pgward.audit.recording import pieces, sealing
from pgward.audit.recording.pieces import PieceError, PieceInfo
from pgward.core.errors import InvalidInputError
from tests.fixtures.recordings import IDENTITY, RECIPIENT, SESSION, pieces_of, start


@pytest.fixture(scope="module")
def piece():
    return pieces_of([start()])[0]


def test_what_is_known_of_a_piece_is_written_and_read(piece):
    assert PieceInfo.from_json(json.loads(json.dumps(piece.info.to_json()))) == piece.info


@pytest.mark.parametrize(
    "change", [{"number": "1"}, {"last": 1}, {"fields": []}, {"fields": {"user": 1}}, {"more": 1}]
)
def test_what_is_not_right_is_refused(piece, change):
    with pytest.raises(InvalidInputError):
        PieceInfo.from_json(piece.info.to_json() | change)
    with pytest.raises(InvalidInputError):
        PieceInfo.from_json([])


def test_the_record_that_vouches_for_it(piece):
    record = piece.info.to_record()
    assert record["type"] == "RECORDING"
    assert (record["piece"], record["sha256"]) == (1, piece.info.sha256)
    assert (record["user"], record["edge"], record["session"]) == ("alice", "e1", SESSION)


def test_the_same_events_have_another_hash_each_time():
    first, second = (pieces_of([start()])[0].info for _ in range(2))
    assert first.sha256 != second.sha256
    assert first.recipient == RECIPIENT


def test_a_piece_says_where_it_stands(piece):
    plain = sealing.unseal(piece.data, IDENTITY)
    assert pieces.check(plain, SESSION, 1, "")["piece"] == 1
    assert pieces.check(plain, SESSION, 1, None)
    assert pieces.hash_of(plain) == piece.info.sha256
    for session, number, before in (("other", 1, ""), (SESSION, 2, ""), (SESSION, 1, "ff")):
        with pytest.raises(PieceError):
            pieces.check(plain, session, number, before)


@pytest.mark.parametrize("plain", [b"", b"x\n", b"[]\n", b'{"type":"QUERY"}\n'])
def test_what_is_no_piece(plain):
    with pytest.raises(PieceError, match="does not begin"):
        pieces.check(plain, SESSION, 1, "")
