"""What a client says must never make a chunk that the CA refuses: nothing behind it would arrive.

The spool would fill, and in the end the edge would let nobody in.
"""

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pgward.audit.records.joining import Joiner
from pgward.audit.tape.frames import CLOSE, OPEN, UP, Frame
from pgward.ca.archive import facts
from pgward.pgwire import frontend
from pgward.pgwire.body import decoded
from tests.fixtures.chunks import part

BOOT = "0123456789abcdef"
texts = st.binary(max_size=60).filter(lambda it: b"\0" not in it)


def read(opened: dict[str, str], *said: bytes) -> facts.Facts:
    """Return what the CA makes of a session's chunk."""
    frames = [(OPEN, json.dumps(opened).encode()), *((UP, each) for each in said)]
    frames.append((CLOSE, b'{"reason":"x","sqlstate":null}'))
    joiner = Joiner(BOOT, "e1")
    records = []
    for at, (kind, data) in enumerate(frames):
        records += joiner.feed(Frame(at + 1, 1_000_000 * (at + 1), 7, kind, data))
    return facts.read([part(*records, *joiner.finish())], "e1")


@given(
    texts, texts, texts, st.lists(texts, max_size=3), st.sampled_from([0, 16, 20, 114, 701, 1700])
)
@example(b"\xff", b"\xed\xb2\x80", b"select '\xff\x1b'", [b"\xff", b'{"a":1e999}'], 114)
@example(b"a" * 60, b"\x7f\xc2\x80", b"select 1.10", [b"NaN", b"1" * 60], 701)
@settings(max_examples=100, deadline=None)
def test_whatever_a_client_says_is_taken(application, database, sql, values, oid):
    opened = {
        "user": "alice",
        "service": "orders",
        "database": decoded(database),
        "application": decoded(application),
        "reason": decoded(application),
        "client": "10.0.0.1:5",
    }
    named = frontend.parse(decoded(application), sql, [oid] * len(values))
    bound = frontend.bind(decoded(database), decoded(application), values)
    found = read(
        opened,
        named + bound + frontend.execute(decoded(database)) + frontend.sync(),
        frontend.query(sql),
        frontend.copy_fail(decoded(application)),
    )
    (session,) = found.sessions.values()
    assert session.about["user"] == "alice"
    session.about["application"].encode()
    session.about["database"].encode()
