"""What a session keeps until an answer comes: messages that are awaited, statements, portals.

All of it can be written down as JSON and put together again, for the auditor's checkpoint.
"""

import hashlib
from typing import Any, Final

from pgward.pgwire import backend, frontend

Fields = dict[str, Any]

# Types of messages as numbers, as they are found in a frame.
BIND: Final = frontend.BIND[0]
CLOSE: Final = frontend.CLOSE[0]
COPY_DONE: Final = frontend.COPY_DONE[0]
COPY_FAIL: Final = frontend.COPY_FAIL[0]
DESCRIBE: Final = frontend.DESCRIBE[0]
EXECUTE: Final = frontend.EXECUTE[0]
FUNCTION_CALL: Final = frontend.FUNCTION_CALL[0]
PARSE: Final = frontend.PARSE[0]
QUERY: Final = frontend.QUERY[0]
SYNC: Final = frontend.SYNC[0]

BIND_COMPLETE: Final = backend.BIND_COMPLETE[0]
CLOSE_COMPLETE: Final = backend.CLOSE_COMPLETE[0]
COMMAND_COMPLETE: Final = backend.COMMAND_COMPLETE[0]
COPY_BOTH: Final = backend.COPY_BOTH[0]
COPY_IN: Final = backend.COPY_IN[0]
COPY_OUT: Final = backend.COPY_OUT[0]
EMPTY_QUERY: Final = backend.EMPTY_QUERY[0]
ERROR: Final = backend.ERROR[0]
PARAMETER_DESCRIPTION: Final = backend.PARAMETER_DESCRIPTION[0]
PARSE_COMPLETE: Final = backend.PARSE_COMPLETE[0]
PORTAL_SUSPENDED: Final = backend.PORTAL_SUSPENDED[0]
READY: Final = backend.READY[0]

TYPES: Final = {
    QUERY: "QUERY",
    PARSE: "PARSE",
    BIND: "BIND",
    EXECUTE: "EXECUTE",
    CLOSE: "CLOSE",
    FUNCTION_CALL: "FUNCTION_CALL",
}


MOST_REPEATED: Final = 4096
"""Letters of a text, or of a portal's parameters, that stand in each record of an execution."""
SHOWN: Final = 1024
"""Letters of a longer text in the records behind the first, which has it whole."""
_MOST_NAME: Final = 256
_NULL: Final = 4  # letters of what is no text


class Prepared:
    """A prepared statement, or a portal, which is a statement with its parameters.

    ``about``: the record's fields of the text; a portal's are its statement's, and its own name the
    record that has long parameters. ``joined``: an execution has it in its record.

    What is long is told whole in one record, and named in those behind it: an execution is some
    forty bytes on tape, and thousands of them must not be a record of 64 KiB each.
    """

    __slots__ = (
        "about",
        "denied",
        "joined",
        "name",
        "parameters",
        "portal",
        "secret",
        "statement",
        "told",
        "types",
        "written",
    )

    def __init__(
        self,
        name: str,
        about: Fields,
        types: tuple[int, ...] = (),
        secret: frozenset[int] = frozenset(),
    ) -> None:
        self.name = name  # of the statement
        self.about = about
        self.types = types
        self.secret = secret
        self.portal = ""
        self.statement: Prepared | None = None  # of a portal
        self.parameters: list[Any] | None = None
        self.joined = False
        self.denied: Fields = {}  # what a rule said of a Parse
        self.written = b""  # what usual executions say of it, as JSON, once there was one
        self.told = ""  # the record that has told it first

    def tell(self, record: Fields) -> None:
        """Say in a record what it is: whole, or what is long by the record that has told it."""
        name = record["id"]
        self.tell_in(name)
        if self.name:
            record["name"] = self.name
        if self.portal:
            record["portal"] = self.portal
        statement = self.statement
        if statement is not None:
            statement.tell_in(name)
            record.update(statement.about)
        record.update(self.about)
        if self.parameters:
            record["parameters"] = self.parameters

    def tell_in(self, name: str) -> None:
        """Hear that a record tells it, which may be asked for twice."""
        if not self.told:
            self.told = name
        elif self.told != name:
            self.shorten()

    def shorten(self) -> None:
        """Have what is long told by the record that has it, if there is one."""
        text = self.about.get("text", "")
        if not self.told:
            return
        if len(text) > MOST_REPEATED and "text_bytes" not in self.about:
            self.about = _brief(self.about, text, self.told)
            self.written = b""
        if self.parameters is not None and self._size > MOST_REPEATED:
            self.parameters = None
            self.name = self.name[:_MOST_NAME]
            self.about = {**self.about, "of": self.told}

    @property
    def _size(self) -> int:
        """How many letters in a record may be too many: parameters, and of a name."""
        values = self.parameters or ()
        shown = (len(each) if isinstance(each, str) else _NULL for each in values)
        return max(0, len(self.name) - _MOST_NAME) + sum(shown) + _NULL * len(values)

    def state(self) -> list[Any]:
        """Return it as JSON."""
        self.shorten()
        secret = sorted(self.secret)
        parts = (self.name, self.about, self.types, secret, self.portal, self.parameters)
        return [*parts, self.joined, self.denied]

    @classmethod
    def restored(cls, state: list[Any]) -> "Prepared":
        """Return what ``state`` told of."""
        name, about, types, secret, portal, parameters, joined, denied, *_ = state
        made = cls(name, about, tuple(types), frozenset(secret))
        made.portal, made.parameters, made.joined = portal, parameters, joined
        made.denied = denied
        return made


def _brief(about: Fields, text: str, of: str) -> Fields:
    """Return what is said of a long text that stands whole in the record ``of``."""
    data = text.encode("utf-8")
    hidden = {"sensitive": True} if about.get("sensitive") else {}
    digest = hashlib.sha256(data).hexdigest()
    short = {"text_sha256": digest, "text_bytes": len(data), "of": of}
    return {"text": text[:SHOWN], **hidden, **short}


class Item:
    """A message whose answer is awaited, and the record that it becomes, once there is one.

    What most items never have stands in the class.
    """

    made: Prepared | None = None  # what a Parse, Bind or Describe is about
    previous: Prepared | None = None  # what the name meant before
    tags: list[str] | None = None
    rows = -1  # -1: not known
    size = -1
    run = -1  # rows since the last tag
    direction = ""  # of COPY
    failed = False
    ignored = False  # PostgreSQL passes over it
    done = 0  # when its answer came, if that made no record yet
    position = 0
    number = 0  # within its session; 0: it makes no record

    def __init__(self, kind: int, time: int, record: Fields | None = None) -> None:
        self.kind = kind
        self.time = time
        self.record = record

    PLAIN = (
        "tags",
        "rows",
        "size",
        "run",
        "direction",
        "failed",
        "ignored",
        "done",
        "position",
        "number",
    )
    """What ``state`` writes down as it is, besides the arguments."""
