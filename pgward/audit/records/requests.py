"""What a frontend asks for, as the beginning of a record; prepared statements and portals."""

import struct
from collections import deque
from collections.abc import Sequence

from pgward.audit.chain.written import UNKNOWN
from pgward.audit.records import items as it
from pgward.audit.records.items import Fields, Item, Prepared
from pgward.audit.records.large import Large, Value
from pgward.audit.records.names import cut, is_plain
from pgward.audit.records.parameters import parameters, read_bind
from pgward.audit.records.texts import about, decoded, prepared
from pgward.audit.records.times import stamp
from pgward.audit.tape.frames import Entry
from pgward.pgwire import frontend
from pgward.pgwire.errors import WireError

_NONE: frozenset[int] = frozenset()
_NO_TYPES = b"\0\0"
_OID, _INT16 = struct.Struct("!I"), struct.Struct("!H")


class Requests:
    """The state of a session, and the records that its messages begin.

    ``prefix`` begins its records' ids (``<boot>-``), ``facts`` are repeated in each.
    """

    def __init__(self, prefix: str, number: int, facts: Fields) -> None:
        self.prefix = prefix
        self.number = number
        self.fields: Fields = {"session": f"{prefix}{number}", **facts}
        self.out: list[Fields] = []
        self.began = 0  # microseconds
        self.numbered = 0  # messages that are recorded
        self.queue: deque[Item] = deque()
        self.waiting: list[Item] = []  # done; records of their own if no execution joins them
        self.dropped: list[Item] = []  # what failed, and what is skipped behind it
        self.statements: dict[str, Prepared] = {}
        self.portals: dict[str, Prepared] = {}
        self.denied: dict[int, Fields] = {}  # messages of the next frame, by their place
        self.large: Large | None = None  # the message whose pieces are coming
        self.fault: Fields = {}  # the error of what failed first, or that belongs to no message
        self.sensitive = False
        self.skipping = False
        self.copying = False
        # For usual exchanges:
        self.prefix_bytes = prefix.encode()
        self.constant = UNKNOWN  # what all records say, as JSON, and whom they name
        self.held: Entry | tuple[()] | None = None  # not taken yet; (): it may be; None: not now

    def request(self, kind: int, position: int, time: int, body: bytes, *, ignored: bool) -> Item:
        """Return what is awaited for a message; of one that is ``ignored`` nothing is learned."""
        item = Item(kind, time)
        item.position = position
        if kind not in it.TYPES:
            if kind == it.DESCRIBE:
                item.made = self._statement(decoded(body[1:-1]))
            return item
        self.numbered += 1
        item.number = self.numbered
        if ignored:
            item.ignored = True
        if kind == it.QUERY:
            item.record = record = self.begun(item)
            record.update(about(body[:-1]))
            if not ignored and self.statements:
                self.statements.pop("", None)
            return item
        try:
            _READERS[kind](self, item, body)
        except (WireError, ValueError, struct.error):  # PostgreSQL will not read it either
            self.told(item)["details"] = {"unreadable": len(body)}
        return item

    def begun(self, item: Item) -> Fields:
        """Return the beginning of a record."""
        return {
            "id": f"{self.prefix}{item.position:x}",
            "type": it.TYPES[item.kind],
            "time": stamp(item.time),
            **self.fields,
            "statement": item.number,
        }

    def told(self, item: Item) -> Fields:
        """Return the record of a message; most Parses and Binds never need one."""
        record = item.record
        if record is None:
            record = item.record = self.begun(item)
            if item.made is not None:
                item.made.tell(record)
                if item.kind == it.EXECUTE and item.made.statement is not None:
                    record.update(item.made.statement.denied)
        return record

    def parse(self, item: Item, body: bytes) -> None:
        """Read a Parse."""
        name, text, rest = body.split(b"\0", 2)
        types = () if rest == _NO_TYPES else frontend.read_parse(body).types
        told, secret = prepared(text)
        self.prepare(item, Prepared(decoded(name), told, types, secret))

    def prepare(self, item: Item, made: Prepared) -> None:
        """Give a name to a statement, until PostgreSQL says that it did not."""
        item.made = made
        if not item.ignored:
            item.previous = self.statements.pop(cut(made.name), None)
            if is_plain(made.name):
                self.statements[made.name] = made
        if made.name:
            self.told(item)  # it has a record in any case, which is the one to tell a long text

    def _statement(self, name: str) -> Prepared | None:
        return self.statements.get(name) if is_plain(name) else None

    def bind(self, item: Item, body: bytes) -> None:
        """Read a Bind."""
        self.bound(item, *read_bind(body))

    def bound(
        self, item: Item, name: str, of: str, formats: Sequence[int], values: Sequence[Value]
    ) -> None:
        """Make a portal ``name`` of the statement ``of`` and its parameters."""
        statement = self._statement(of)
        if statement is None:
            portal = Prepared(of, {})
            portal.parameters = parameters(values, formats, (), _NONE)
        else:
            portal = Prepared(of, {})
            portal.statement = statement
            portal.parameters = parameters(values, formats, statement.types, statement.secret)
        portal.portal = name
        item.made = portal
        if not item.ignored:
            self.portals.pop(cut(name), None)
            if is_plain(name):
                self.portals[name] = portal

    def execute(self, item: Item, body: bytes) -> None:
        """Read an Execute, which joins what its portal was made of."""
        name = decoded(body[: body.index(b"\0")])
        portal = self.portals.get(name) if is_plain(name) else None
        if portal is None:
            if name:
                self.told(item)["portal"] = name
        elif item.ignored:
            portal.tell(self.told(item))
        else:
            item.made = portal
            portal.joined = True
            if portal.statement is not None:
                portal.statement.joined = True

    def close(self, item: Item, body: bytes) -> None:
        """Read a Close; what has no name makes no record, as drivers close it all the time."""
        kind, name = frontend.read_close(body)
        if name:
            self.told(item)["name" if kind == frontend.STATEMENT else "portal"] = name
        else:
            item.number = 0
        if item.ignored:
            return
        if kind == frontend.STATEMENT:
            item.previous = self.statements.pop(cut(name), None)
        else:
            self.portals.pop(cut(name), None)

    def function_call(self, item: Item, body: bytes) -> None:
        """Read a FunctionCall."""
        call = frontend.read_function_call(body)
        record = self.told(item)
        record["function"] = call.oid
        record["parameters"] = parameters(call.values, call.formats, (), _NONE)

    def large_request(self, large: Large, *, ignored: bool) -> Item:
        """Return what is awaited for a message that has come in pieces, all or as far as it did."""
        item = Item(large.kind, large.time)
        item.position = large.position
        self.numbered += 1
        item.number = self.numbered
        item.ignored = ignored
        told = large.text.about(large.id) if large.text.pieces else {}
        if large.kind == it.PARSE:
            types = tuple(number for (number,) in _OID.iter_unpack(_whole(large.tail[2:], 4)))
            self.prepare(item, Prepared(decoded(large.head[:-1]), told, types))
        elif large.kind == it.BIND and large.values is not None:
            portal, statement, rest = large.head.split(b"\0", 2)
            formats = _formats(rest[:-2])
            self.bound(item, decoded(portal), decoded(statement), formats, large.values.found)
        record = self.told(item)
        if large.kind == it.FUNCTION_CALL and large.values is not None:
            record["function"] = int.from_bytes(large.head[:4], "big")
            formats = _formats(large.head[4:-2])
            record["parameters"] = parameters(large.values.found, formats, (), _NONE)
        record.update(told)
        record.pop("of", None)
        return item

    def text_piece(self, large: Large, position: int, time: int, text: str) -> Fields:
        """Return the record of a piece of a large text."""
        return {
            "id": f"{self.prefix}{position + 1:x}",
            "type": "TEXT",
            "time": stamp(time),
            **self.fields,
            "of": large.id,
            "piece": large.text.pieces,
            "text": text,
        }

    def undo(self, item: Item) -> None:
        """Take that a Parse or Close was not done: its name means what it did before."""
        statements = self.statements
        if item.kind == it.PARSE and item.made is not None:
            name = item.made.name
            if statements.get(name) is item.made:
                del statements[name]
                if item.previous is not None:
                    statements[name] = item.previous
        elif item.kind == it.CLOSE and item.previous is not None:
            statements.setdefault(item.previous.name, item.previous)

    def commit(self, item: Item) -> Fields:
        """Return the beginning of a record that a Sync, which commits, failed."""
        return {
            "id": f"{self.prefix}{item.position:x}",
            "type": "COMMIT",
            "time": stamp(item.time),
            **self.fields,
        }


_READERS = {
    it.PARSE: Requests.parse,
    it.BIND: Requests.bind,
    it.EXECUTE: Requests.execute,
    it.CLOSE: Requests.close,
    it.FUNCTION_CALL: Requests.function_call,
}


def _formats(data: bytes) -> tuple[int, ...]:
    """Return the formats of values, which their count stands before."""
    return tuple(number for (number,) in _INT16.iter_unpack(_whole(data[2:], 2)))


def _whole(data: bytes, size: int) -> bytes:
    return data[: len(data) // size * size]
