import json

from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.logs.json_log import JsonReader
from pgward.hba.logs.record import MAX_RECORD

FIELDS = {
    "timestamp": "2026-11-22 04:00:09.277 UTC",
    "user": "x\ny",
    "dbname": "shop",
    "pid": 6312,
    "remote_host": "10.0.0.9",
    "remote_port": 59358,
    "session_id": "6b0268c9.18a8",
    "error_severity": "FATAL",
    "state_code": "28000",
    "message": "no pg_hba.conf entry",
    "detail": "d",
}
LINES = [
    FIELDS,
    {"error_severity": "LOG", "message": "connection received: host=[local]", "pid": "x"},
    ["connection "],
    {"message": "statement: select"},
]
LOG = b"".join(json.dumps(each).encode() + b"\n" for each in LINES) + b'{"connection \n'


def read(data, size=None):
    reader = JsonReader()
    size = size or len(data) or 1
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return [each for piece in pieces for each in reader.feed(piece)]


def test_objects_are_read():
    first, second = read(LOG)
    assert (first.user, first.database, first.host, first.port) == (
        "x\ny",
        "shop",
        "10.0.0.9",
        59358,
    )
    assert (first.session, first.pid, first.sqlstate) == ("6b0268c9.18a8", 6312, "28000")
    assert (first.message, first.detail, first.offset) == ("no pg_hba.conf entry", "d", 0)
    assert first.time.isoformat() == "2026-11-22T04:00:09.277000+00:00"
    assert (second.session, second.pid, second.sqlstate) == (None, None, "00000")


def test_what_a_statement_wrote_is_no_message_of_the_server():
    for name in ("context", "statement"):
        fields = FIELDS | {"error_severity": "LOG", name: "do"}
        assert read(json.dumps(fields).encode() + b"\n") == []
        assert len(read(json.dumps(fields | {"error_severity": "FATAL"}).encode() + b"\n")) == 1


@given(st.integers(1, 60))
def test_in_pieces_it_is_the_same(size):
    assert read(LOG, size) == read(LOG)


def test_endless_lines_take_no_memory():
    reader = JsonReader()
    for _ in range(20):
        assert reader.feed(b"x" * MAX_RECORD) == []
    assert len(reader._rest) <= MAX_RECORD
    assert len(reader.feed(b"\n" + LOG)) == 2


@given(st.binary(max_size=300), st.integers(1, 20))
def test_any_bytes_are_read(data, size):
    assert read(data, size) == read(data)
