"""What the names of prepared statements and portals stand for, so that executions can be ruled.

PostgreSQL may fail to do what a client asks, or ignore it after an error: so what a Parse, Bind
or Close does counts for certain only once it is answered. Up to the next Sync it counts as well, as
whatever relies on it is ignored, too, should it fail. In between a name may stand for the old or
the new, and a rule that denies one of the texts denies the execution.

PostgreSQL knows names by their first 63 bytes, in its own encoding; what is compatible with it may
know more. So a longer name, or one beyond ASCII, stands for what cannot be read, and so does the
name that it may mean as well.
"""

from collections import OrderedDict, deque
from typing import NamedTuple

MOST_BYTES = 16 * 1024 * 1024
MOST_NAMES = 100_000
_MOST_CANDIDATES = 16
_MOST_CERTAIN = 10_000  # names between two Syncs
_MOST_NAME = 63  # bytes, NAMEDATALEN - 1


class Text(NamedTuple):
    """A statement's text; not ``whole``: only its beginning is known."""

    text: bytes
    whole: bool


Texts = tuple[Text, ...]
Key = tuple[bytes, bytes]  # b"S" or b"P" for statement or portal, and its name

_NONE: Texts = ()
_UNREAD: Texts = (Text(b"", whole=False),)
_UNSEEN: Key = (b"?", b"")


class Names:
    """The statements and portals of a session; a Watcher of its exchanges.

    Bounded: what was named longest ago is forgotten first, and stands for nothing then.
    """

    def __init__(self, most_bytes: int = MOST_BYTES, most_names: int = MOST_NAMES) -> None:
        self._most_bytes = most_bytes
        self._most_names = most_names
        self._known: OrderedDict[Key, Texts] = OrderedDict()
        self._size = 0
        self._awaited: deque[tuple[Key, Texts | None]] = deque()
        self._may_be: dict[Key, deque[Texts]] = {}
        self._certain: dict[Key, Texts] = {}
        self._awaited_size = self._certain_size = 0

    def statement(self, name: bytes, text: Text | None) -> None:
        """Take a Parse that was passed on; ``text`` is None if it cannot succeed."""
        self._await(b"S", name, None if text is None else (text,))

    def portal(self, name: bytes, statement: bytes) -> None:
        """Take a Bind that was passed on."""
        self._await(b"P", name, self._texts(b"S", statement))

    def closed(self, kind: bytes, name: bytes) -> None:
        """Take a Close that was passed on."""
        self._await(kind, name, _NONE)

    def unseen(self) -> None:
        """Take a Parse, Bind or Close that was passed on before anybody looked."""
        self._await(*_UNSEEN, None)

    def synced(self) -> None:
        """Take a Sync: what was said before it may have failed without harm to what follows."""
        self._certain.clear()
        self._certain_size = 0

    def of_portal(self, name: bytes) -> Texts:
        """Return all texts that a portal may stand for; none if that is not known."""
        return self._texts(b"P", name)

    def confirmed(self) -> None:
        """Take that the oldest Parse, Bind or Close was done."""
        key, texts = self._settled()
        self._forget(key)
        if texts:
            self._known[key] = texts
            self._size += _size(key, texts)
            while self._size > self._most_bytes or len(self._known) > self._most_names:
                self._forget(next(iter(self._known)))

    def dropped(self) -> None:
        """Take that the oldest Parse, Bind or Close was not done."""
        self._settled()

    def _await(self, kind: bytes, name: bytes, texts: Texts | None) -> None:
        key = kind, name[:_MOST_NAME]
        if texts and not _is_plain(name):
            texts = _UNREAD
        size = _size(key, texts or _NONE)
        self._put_certain(key, texts or _NONE, size)
        if texts and self._awaited_size + size > self._most_bytes:
            texts, size = _UNREAD, _size(key, _UNREAD)
        self._awaited_size += size
        self._awaited.append((key, texts))
        self._may_be.setdefault(key, deque()).append(texts or _NONE)

    def _put_certain(self, key: Key, texts: Texts, size: int) -> None:
        certain = self._certain
        if len(certain) >= _MOST_CERTAIN or self._certain_size + size > self._most_bytes:
            certain.clear()
            self._certain_size = 0
        if key in certain:
            self._certain_size -= _size(key, certain[key])
        certain[key] = texts
        self._certain_size += size

    def _settled(self) -> tuple[Key, Texts | None]:
        key, texts = self._awaited.popleft()
        self._awaited_size -= _size(key, texts or _NONE)
        waiting = self._may_be[key]
        waiting.popleft()
        if not waiting:
            del self._may_be[key]
        return key, texts

    def _texts(self, kind: bytes, name: bytes) -> Texts:
        if not _is_plain(name):
            return _UNREAD
        key = kind, name
        if key in self._certain:
            return self._certain[key]
        known, may_be = self._known.get(key, _NONE), self._may_be.get(key)
        if may_be is None:
            return known
        if len(may_be) > _MOST_CANDIDATES:
            return _NONE
        return tuple(dict.fromkeys((*known, *(text for each in may_be for text in each))))

    def _forget(self, key: Key) -> None:
        gone = self._known.pop(key, None)
        if gone is not None:
            self._size -= _size(key, gone)


def _size(key: Key, texts: Texts) -> int:
    return len(key[1]) + sum(len(each.text) for each in texts)


def _is_plain(name: bytes) -> bool:
    return len(name) <= _MOST_NAME and name.isascii()
