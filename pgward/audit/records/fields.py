"""The fields of records: names, types and meaning. A field that is not known is left out.

The form is public: archives hold it for years. Fields are added, never renamed or given another
meaning.
"""

from typing import Literal, NotRequired, TypedDict

RecordType = Literal[
    "SESSION_START",  # a client is logged in, and so are we
    "SESSION_END",  # with totals of the session, and why it ended
    "QUERY",  # a simple query, or several in one message: ``commands``
    "PARSE",  # a statement was prepared; of one without a name only if no execution tells of it
    "BIND",  # parameters were bound, if no execution tells of it
    "EXECUTE",  # a portal ran: text, parameters, rows
    "CLOSE",  # a prepared statement or a portal that has a name was closed
    "FUNCTION_CALL",  # the protocol's own call of a function
    "COPY",  # a query or an execution that moved COPY data: ``direction``, ``rows``, ``bytes``
    "COMMIT",  # a transaction that a Sync should have committed failed
    "CANCEL",  # somebody asked for the running statement to be cancelled
    "DENIED",  # a rule said no; ``rule`` and ``reason`` tell which, ``denied`` to what
    "NOTICE",  # the edge told the client of a limit, or ended the session
    "TEXT",  # a piece of a large text, of the record that ``of`` names
    "GAP",  # bytes of the tape could not be read: records may be missing here
    "RECORDING",  # a piece of the session's recording was made; ``piece``, ``sha256``, ``bytes``
]

Status = Literal[
    "ok",
    "error",  # PostgreSQL said no; ``sqlstate`` and ``message``
    "denied",  # a rule of ours said no; PostgreSQL never saw it
    "skipped",  # it stood behind a failure, up to the client's Sync
    "unknown",  # it was in flight when the session or the edge died
]


class Large(TypedDict):
    """What stands for a value that is too large for a record."""

    bytes: int
    sha256: str  # hex


class Record(TypedDict):
    """One record. Who and where first, then what, then how it went."""

    id: str  # "<boot>-<position>" in hex: unique, and the same whenever the tape is read again
    type: RecordType
    time: str  # RFC 3339, UTC, microseconds: when it passed the edge
    session: NotRequired[str]  # "<boot>-<number>": one database session, if it began
    edge: NotRequired[str]
    user: NotRequired[str]  # the person
    service: NotRequired[str]
    database: NotRequired[str]
    role: NotRequired[str]  # PostgreSQL's user
    client: NotRequired[str]  # address
    application: NotRequired[str]

    statement: NotRequired[int]  # number of the message within its session, from 1
    name: NotRequired[str]  # of a prepared statement, if it has one
    portal: NotRequired[str]  # if it has a name
    text: NotRequired[str]  # with passwords taken out; cut only where others hold the rest
    text_sha256: NotRequired[str]  # of a text that is cut, with passwords taken out; hex
    text_bytes: NotRequired[int]
    pieces: NotRequired[int]  # how many records of type TEXT hold it all
    of: NotRequired[str]  # in a TEXT: id of the record whose text it is a piece of;
    # in an execution: of the one that has a long text, or long parameters, whole
    piece: NotRequired[int]  # in a TEXT or RECORDING: its number, from 1
    sha256: NotRequired[str]  # in a RECORDING: the hash of the piece; hex
    recording: NotRequired[str]  # "none" in a RECORDING: the session is not recorded for now
    parameters: NotRequired[list[str | Large | None]]
    function: NotRequired[int]  # OID, in a FUNCTION_CALL

    direction: NotRequired[Literal["in", "out", "both"]]  # of COPY, as PostgreSQL calls it
    commands: NotRequired[list[str]]  # tags: "SELECT 1", "INSERT 0 1"
    rows: NotRequired[int]  # sent to the client, or affected, or copied
    bytes: NotRequired[int]  # of rows or COPY data, towards the client or from it
    duration_us: NotRequired[int]  # from the message to its last answer
    status: NotRequired[Status]
    sqlstate: NotRequired[str]
    failed_at: NotRequired[Literal["PARSE", "BIND"]]  # of an EXECUTE that failed before it ran
    message: NotRequired[str]  # PostgreSQL's error; left out where it could quote a password
    denied: NotRequired[str]  # QUERY, PARSE, EXECUTE, FUNCTION_CALL, CONNECT
    rule: NotRequired[str]
    reason: NotRequired[str]
    sensitive: NotRequired[bool]  # something was taken out of the text

    statements: NotRequired[int]  # in a SESSION_END: messages in all that could have a record
    details: NotRequired[dict[str, object]]  # whatever else the edge said of the session


SESSION_FIELDS = (
    "edge",
    "user",
    "service",
    "database",
    "role",
    "client",
    "application",
)
"""What every record of a session repeats, out of the JSON of its OPEN frame."""
