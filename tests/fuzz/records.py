"""What must hold of the records that are made of any session's bytes.

The bytes are those of the target ``session``: the tape is the one that the inspectors write.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from pgward.audit.chain.blocks import Chain
from pgward.audit.chain.encoding import encode
from pgward.audit.chain.head import Head
from pgward.audit.records.joining import Joiner
from pgward.audit.tape import frames
from pgward.audit.tape.frames import Frame
from tests.fuzz import inspectors

_BOOT = "0123456789abcdef"
_FACTS = b'{"user":"ann","service":"shop"}'
_END = b'{"reason":"the connection ended","sqlstate":null}'


def records(data: bytes) -> None:
    """See that all that can pass makes records, the same in one step and after a restart."""
    tape = list(_tape(inspectors.played(data)))
    steady = Joiner(_BOOT, "edge")
    found = [record for frame in tape for record in steady.feed(frame)] + steady.finish()
    assert _known(found) == _known(_interrupted(tape))
    assert [encode(record) for record in found] == _lines(tape)
    chain = Chain(Head.origin(_BOOT))
    for record in found:
        assert json.loads(chain.block([encode(record)]))["type"] == record["type"]


def _lines(tape: Iterable[Frame]) -> list[bytes]:
    """Return the records as JSON, of a joiner that takes usual exchanges whole."""
    joiner = Joiner(_BOOT, "edge")
    found = [*joiner.join(tape), *joiner.finish()]
    return [each[0] if isinstance(each, tuple) else encode(each) for each in found]


def _known(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out the hash of a large text, which a restart in the middle of it loses."""
    return [{**record, "text_sha256": None} for record in found]


def _tape(session: Any) -> Iterable[Frame]:
    said = [("OPEN", _FACTS), *session.tape.frames, ("CLOSE", _END)]
    for at, (kind, data) in enumerate(said):
        yield Frame(at + 1, 1_000_000 * (at + 1), 7, getattr(frames, kind), data)


def _interrupted(tape: Iterable[Frame]) -> Iterable[dict[str, Any]]:
    """Yield what an auditor makes that is started anew after each frame."""
    joiner = Joiner(_BOOT, "edge")
    for frame in tape:
        yield from joiner.feed(frame)
        joiner = Joiner.restore(_BOOT, "edge", json.loads(json.dumps(joiner.state())))
    yield from joiner.finish()


TARGETS: dict[str, Callable[[bytes], None]] = {"records": records}

SEEDS: dict[str, list[bytes]] = {"records": inspectors.SEEDS["session"]}
