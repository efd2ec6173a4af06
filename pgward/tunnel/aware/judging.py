"""A session's statements put before its ruling, whichever way they are run."""

from pgward.pgwire.body import UINT32
from pgward.pgwire.errors import WireError
from pgward.pgwire.states import BIND, CLOSE, EXECUTE, FUNCTION_CALL, PARSE, QUERY, SYNC
from pgward.tunnel.aware.names import Names, Text
from pgward.tunnel.aware.ruling import Denial, Ruling, Way

LOOKED_AT = frozenset({QUERY, PARSE, BIND, EXECUTE, CLOSE, FUNCTION_CALL, SYNC})
TEXTS = frozenset({QUERY, PARSE})


class Glancing:
    """Asks a Ruling about texts as they come, and about nothing else."""

    looked_at = TEXTS
    gathered = frozenset[int]()

    def __init__(self, ruling: Ruling) -> None:
        self._ruling = ruling
        self.rest = ruling.rest

    def began(self) -> None:
        """Take that bytes were read."""

    def denial(self, kind: int, body: bytes, *, whole: bool, heard: bool) -> Denial | None:  # noqa: ARG002 - as Judging's
        """Return a denial of a message, by its body or how that begins."""
        way: Way = "query" if kind == QUERY else "parse"
        text = body if kind == QUERY else body.partition(b"\0")[2]
        return self._ruling.statement(way, text.partition(b"\0")[0], whole=whole)


class Judging:
    """Asks a Ruling about each message; remembers what prepared statements and portals stand for.

    A statement that is executed in the same read as it is parsed in is asked about once.
    """

    looked_at = LOOKED_AT
    gathered = TEXTS  # ruled whole, as far as may be

    def __init__(self, ruling: Ruling) -> None:
        self._ruling = ruling
        self.rest = ruling.rest
        self.names = Names()
        self._fresh: set[Text] = set()

    def began(self) -> None:
        """Take that bytes were read: time may have passed."""
        self._fresh.clear()

    def denial(self, kind: int, body: bytes, *, whole: bool, heard: bool) -> Denial | None:
        """Return a denial of a message, by its body or how that begins; raise WireError.

        ``heard``: the backend does not ignore it, so that an answer comes.
        """
        if kind == QUERY:
            text = body.partition(b"\0")[0]
            return self._ruling.statement("query", text, whole=whole)
        if kind == PARSE:
            return self._parse(body, whole=whole, heard=heard)
        if kind == EXECUTE:
            return self._execute(_string(body, 0)[0])
        if kind == FUNCTION_CALL:
            oid = b"%d" % UINT32.unpack(body[:4].ljust(4, b"\0"))[0]
            return self._ruling.statement("function", oid, whole=True)
        self._name(kind, body, heard=heard)
        return None

    def _parse(self, body: bytes, *, whole: bool, heard: bool) -> Denial | None:
        name, at = _string(body, 0)
        text = Text(body[at:].partition(b"\0")[0], whole)
        denial = self._ruling.statement("parse", text.text, whole=whole)
        if heard:
            self.names.statement(name, text if denial is None else None)
        if denial is None:
            self._fresh.add(text)
        return denial

    def _execute(self, portal: bytes) -> Denial | None:
        texts = self.names.of_portal(portal)
        if not texts:
            return self._ruling.statement("execute", None, whole=True)
        for text in texts:
            if text not in self._fresh:
                denial = self._ruling.statement("execute", text.text, whole=text.whole)
                if denial is not None:
                    return denial
        return None

    def _name(self, kind: int, body: bytes, *, heard: bool) -> None:
        if kind == SYNC:
            self.names.synced()
        elif heard and kind == BIND:
            portal, at = _string(body, 0)
            self.names.portal(portal, _string(body, at)[0])
        elif heard:
            self.names.closed(body[:1], _string(body, 1)[0])


def _string(body: bytes, at: int) -> tuple[bytes, int]:
    end = body.find(b"\0", at)
    if end < 0:
        raise WireError("a message of the client names something without an end")
    return body[at:end], end + 1
