"""Blocks: lines that share a hash, which stands at the end of the last of them.

A line is ``{"seq":N,RECORD}``, and the last of a block ``{"seq":N,RECORD,"hash":"HASH"}``. HASH is
the base64url of SHA-256 over the hash before (32 bytes) and the block's lines as they stand there,
with the line feeds between them, but without ``,"hash":"HASH"``. So a verifier needs no JSON:
bytes are what is hashed. A hash for each line would cost three times as much.
"""

from binascii import b2a_base64
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final

from pgward.audit.chain.head import Head

MOST_LINES: Final = 100
"""In a block that is made here; whoever verifies takes any number."""
GOAL_BYTES: Final = 256 * 1024
"""Of a block's lines, if they are long."""

_KEY: Final = b',"hash":"'
_END: Final = b'"}'
_HASH_LETTERS: Final = 43
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_TAIL: Final = len(_KEY) + _HASH_LETTERS + len(_END)


class Chain:
    """Makes blocks of records, each bound to all before it."""

    __slots__ = ("_hash", "_name", "_seq")

    def __init__(self, head: Head) -> None:
        self._name = head.chain
        self._seq = head.seq
        self._hash = head.hash

    @property
    def head(self) -> Head:
        """Where the chain stands now."""
        return Head(self._name, self._seq, self._hash)

    def block(self, records: Sequence[bytes]) -> bytes:
        """Return the lines of a block of records, one at least, each with its line feed.

        The records are JSON already: objects, compact, not empty.
        """
        first = self._seq + 1
        numbered = [b'{"seq":%d,%b' % (seq, each[1:]) for seq, each in enumerate(records, first)]
        plain = b"\n".join(numbered)
        self._seq += len(numbered)
        self._hash = sha256(self._hash + plain).digest()
        return b"%b%b\n" % (plain[:-1], tail(self._hash))


def tail(digest: bytes) -> bytes:
    """Return how a line with a hash ends."""
    text = b2a_base64(digest, newline=False)[:_HASH_LETTERS].translate(_URL_SAFE)
    return b"%b%b%b" % (_KEY, text, _END)


def hash_of(line: bytes) -> bytes | None:
    """Return the letters of the hash that stands in a line; None where there is none."""
    if line[-_TAIL : -_TAIL + len(_KEY)] == _KEY and line.endswith(_END):
        return line[-_TAIL + len(_KEY) : -len(_END)]
    return None


def without_hash(line: bytes) -> bytes:
    """Return a line as it was hashed, be there a hash in it or not."""
    return line if hash_of(line) is None else line[:-_TAIL] + b"}"


def walk(plain: bytes, digest: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield where each block ends, behind its line feed, and its hash: up to one that is not true.

    ``digest`` is the hash before. Numbers of lines are not looked at.
    """
    view, at = memoryview(plain), 0
    while (key := _find_tail(plain, at)) >= 0:
        hashed = sha256(digest)
        hashed.update(view[at:key])
        hashed.update(b"}")
        digest = hashed.digest()
        at = key + _TAIL + 1
        if view[key : at - 1] != tail(digest):
            return
        yield at, digest


def _find_tail(plain: bytes, at: int) -> int:
    """Return where the next hash at the end of a line begins, -1 when there is none."""
    while (at := plain.find(_KEY, at)) >= 0:
        found = plain[at : at + _TAIL + 1]
        if found.endswith(b'"}\n') and found.count(b"\n") == 1:
            return at
        at += 1  # text that looks like it
    return -1
