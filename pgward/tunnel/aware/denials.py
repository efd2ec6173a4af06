"""Denied statements: what PostgreSQL gets in their place, and what the client is told (ADR 0028).

PostgreSQL's grammar stops at the first word of the replacement, a name that no statement begins
with, and its error quotes that name, in whatever language and wherever in a pipeline it comes.
"""

import re
from collections import deque

from pgward.pgwire import backend, frontend
from pgward.pgwire.states import EXECUTE, PARSE
from pgward.tunnel.aware.ruling import Denial

DENIED_SQLSTATE = "42501"  # insufficient_privilege
WITHHELD = "(withheld: the statement holds a secret)"
_MOST = 20_000  # denials that are awaited at once; PostgreSQL's own buffers hold fewer


class Denials:
    """The denied statements of a session whose errors have not come yet, oldest first."""

    __slots__ = ("_awaited", "_number", "_salt", "_token")

    def __init__(self, salt: str) -> None:
        self._salt = salt
        self._token = re.compile(rb"pgward_denied_%s_([0-9]{1,18})\b" % salt.encode("ascii"))
        self._number = 0
        self._awaited: deque[tuple[int, Denial]] = deque(maxlen=_MOST)

    def __len__(self) -> int:
        return len(self._awaited)

    def deny(self, kind: int, name: str, denial: Denial) -> bytes:
        """Return what takes a message's place; ``name`` is the statement's of a Parse."""
        self._number += 1
        self._awaited.append((self._number, denial))
        token = f"pgward_denied_{self._salt}_{self._number}"
        text = f"{token} -- by pgward's rule {_plain(denial.rule)}".encode()
        if kind == PARSE:  # the same name: the unnamed statement is gone as after any that fails
            return frontend.parse(name, text)
        return frontend.parse(token, text) if kind == EXECUTE else frontend.query(text)

    def of(self, error: bytes) -> Denial | None:
        """Return the denial that an error's body tells of; forget older ones, they were ignored."""
        found = self._token.search(error)
        if found is None:
            return None
        number, awaited = int(found[1]), self._awaited
        while awaited and awaited[0][0] < number:
            awaited.popleft()
        if awaited and awaited[0][0] == number:
            return awaited.popleft()[1]
        return None

    def clear(self) -> None:
        """Forget all: everything is answered."""
        self._awaited.clear()


def told(error: bytes, denial: Denial) -> bytes:
    """Return the message that tells a client of its denial, for PostgreSQL's error body."""
    severity = backend.read_fields(error).get("S", "ERROR")
    detail = f"pgward's rule {denial.rule} denies it" if denial.rule else None
    return backend.error(severity, DENIED_SQLSTATE, denial.reason, detail=detail)


def without_texts(error: bytes) -> bytes:
    """Return an error's message as it may be kept when it may quote a secret."""
    found = backend.read_fields(error)
    return backend.error(found.get("V", "ERROR"), found.get("C", "XX000"), WITHHELD)


def _plain(rule: str) -> str:
    return re.sub(r"[^\w .:/-]", "?", rule, flags=re.ASCII)[:100]
