"""What a frontend asks for, as the beginning of a record; prepared statements and portals."""

import contextlib
import struct
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from pgward.audit.records import items as it
from pgward.audit.records.items import Fields, Item, Prepared
from pgward.audit.records.large import Large, Value
from pgward.audit.records.parameters import parameters
from pgward.audit.records.texts import about
from pgward.audit.records.times import stamp
from pgward.audit.redact import secret_parameters, suspicious
from pgward.pgwire import frontend
from pgward.pgwire.body import decoded as decoded_name
from pgward.pgwire.errors import WireError

_NONE: frozenset[int] = frozenset()
_OID, _INT16 = struct.Struct("!I"), struct.Struct("!H")


class Bound(NamedTuple):
    """A Bind; large values are told by size and hash."""

    portal: str
    statement: str
    formats: Sequence[int]
    values: Sequence[Value]


class Requests:
    """The state of a session, and the records that its messages begin.

    ``prefix`` begins its records' ids (``<boot>-``), ``facts`` are repeated in each.
    """

    def __init__(self, prefix: str, number: int, facts: Fields) -> None:
        self.prefix = prefix
        self.number = number
        self.fields: Fields = {"session": f"{prefix}{number}", **facts}
        self.out: list[Fields] = []
        self.began = self.seen = 0  # microseconds
        self.numbered = 0  # messages that are recorded
        self.queue: deque[Item] = deque()
        self.waiting: list[Item] = []  # done; records of their own if no execution joins them
        self.statements: dict[str, Prepared] = {}
        self.portals: dict[str, Prepared] = {}
        self.denied: dict[int, Fields] = {}  # messages of the next frame, by their place
        self.large: Large | None = None  # the message whose pieces are coming
        self.fault: Fields = {}  # the last error that belongs to no message
        self.sensitive = False
        self.skipping = False
        self.copying = False

    def request(self, kind: int, position: int, time: int, body: bytes, *, ignored: bool) -> Item:
        """Return what is awaited for a message; of one that is ``ignored`` nothing is learned."""
        if kind not in it.TYPES:
            item = Item(kind, time)
            item.position = position
            if kind == it.DESCRIBE and body[:1] == frontend.STATEMENT:
                item.made = self.statements.get(_name(body[1:]))
            return item
        record = self.begun(kind, f"{self.prefix}{position:x}", time)
        item = Item(kind, time, record)
        if ignored:
            item.ignored = True
        if kind == it.QUERY:
            record.update(about(body[:-1]))
            if not ignored and self.statements:
                self.statements.pop("", None)
            return item
        # What cannot be read is on record without its parts; PostgreSQL will refuse it as well.
        with contextlib.suppress(WireError):
            _READERS[kind](self, item, record, body)
        return item

    def begun(self, kind: int, name: str, time: int) -> Fields:
        """Return the beginning of a record."""
        self.numbered += 1
        return {
            "id": name,
            "type": it.TYPES[kind],
            "time": stamp(time),
            **self.fields,
            "statement": self.numbered,
        }

    def parse(self, item: Item, record: Fields, body: bytes) -> None:
        """Read a Parse."""
        name, text, types = frontend.read_parse(body)
        told = about(text)
        if name:
            record["name"] = name
        record.update(told)
        secret = secret_parameters(text) if "sensitive" in told or suspicious(text) else _NONE
        self.prepare(item, Prepared(name, told, types, secret))

    def prepare(self, item: Item, made: Prepared) -> None:
        """Give a name to a statement, until PostgreSQL says that it did not."""
        if not item.ignored:
            item.made = made
            item.previous = self.statements.get(made.name)
            self.statements[made.name] = made

    def bind(self, item: Item, record: Fields, body: bytes) -> None:
        """Read a Bind."""
        portal, statement, formats, values, _ = frontend.read_bind(body)
        self.bound(item, record, Bound(portal, statement, formats, values))

    def bound(self, item: Item, record: Fields, bind: Bound) -> None:
        """Make a portal of a statement and its parameters."""
        statement = self.statements.get(bind.statement)
        portal = Prepared(bind.statement, {} if statement is None else statement.about)
        portal.statement = statement
        portal.portal = bind.portal
        types, secret = ((), _NONE) if statement is None else (statement.types, statement.secret)
        portal.parameters = parameters(bind.values, bind.formats, types, secret)
        _tell(record, portal)
        if not item.ignored:
            item.made = self.portals[bind.portal] = portal

    def execute(self, item: Item, record: Fields, body: bytes) -> None:
        """Read an Execute, and join what its portal was made of."""
        name = frontend.read_execute(body).portal
        portal = self.portals.get(name)
        if portal is None:
            if name:
                record["portal"] = name
            return
        _tell(record, portal)
        if not item.ignored:
            item.made = portal
            portal.joined = True
            if portal.statement is not None:
                portal.statement.joined = True

    def close(self, item: Item, record: Fields, body: bytes) -> None:
        """Read a Close; what has no name makes no record, as drivers close it all the time."""
        kind, name = frontend.read_close(body)
        if not name:
            item.record = None
        else:
            record["name" if kind == frontend.STATEMENT else "portal"] = name
        if item.ignored:
            return
        if kind == frontend.STATEMENT:
            item.previous = self.statements.pop(name, None)
        else:
            self.portals.pop(name, None)

    def function_call(self, _item: Item, record: Fields, body: bytes) -> None:
        """Read a FunctionCall."""
        call = frontend.read_function_call(body)
        record["function"] = call.oid
        record["parameters"] = parameters(call.values, call.formats, (), _NONE)

    def large_request(self, large: Large, *, ignored: bool) -> Item:
        """Return what is awaited for a message that has come in pieces, all or as far as it did."""
        record = self.begun(large.kind, large.id, large.time)
        item = Item(large.kind, large.time, record)
        item.ignored = ignored
        told = large.text.about(large.id) if large.text.pieces else {}
        if large.kind == it.PARSE:
            name = decoded_name(large.head[:-1])
            if name:
                record["name"] = name
            types = tuple(number for (number,) in _OID.iter_unpack(_whole(large.tail[2:])))
            self.prepare(item, Prepared(name, told, types))
        elif large.kind == it.BIND and large.values is not None:
            self.bound(item, record, _bind(large.head, large.values.found))
        elif large.kind == it.FUNCTION_CALL and large.values is not None:
            oid, *_ = _OID.unpack_from(large.head)
            record["function"] = oid
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

    def commit(self, position: int, time: int) -> Fields:
        """Return the beginning of a record that a Sync, which commits, failed."""
        return {
            "id": f"{self.prefix}{position:x}",
            "type": "COMMIT",
            "time": stamp(time),
            **self.fields,
        }


_READERS = {
    it.PARSE: Requests.parse,
    it.BIND: Requests.bind,
    it.EXECUTE: Requests.execute,
    it.CLOSE: Requests.close,
    it.FUNCTION_CALL: Requests.function_call,
}


def _tell(record: Fields, portal: Prepared) -> None:
    """Say in a record what a portal is."""
    if portal.name:
        record["name"] = portal.name
    if portal.portal:
        record["portal"] = portal.portal
    record.update(portal.about)
    if portal.parameters:
        record["parameters"] = portal.parameters


def _bind(head: bytes, values: list[Value]) -> Bound:
    """Return a large Bind by what stands before its values."""
    portal, statement, rest = head.split(b"\0", 2)
    return Bound(decoded_name(portal), decoded_name(statement), _formats(rest[:-2]), values)


def _formats(data: bytes) -> tuple[int, ...]:
    """Return the formats of values, which their count stands before."""
    return tuple(number for (number,) in _INT16.iter_unpack(_whole(data[2:], 2)))


def _whole(data: bytes, size: int = 4) -> bytes:
    return data[: len(data) // size * size]


def _name(body: bytes) -> str:
    return decoded_name(body.partition(b"\0")[0])
