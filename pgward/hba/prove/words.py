"""A report's rows as a person reads them, and what the words in them mean. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from pgward.hba.login.outcome import Outcome
from pgward.hba.prove.judging import Row, Status

NOT_SAID, CANNOT_TELL = "not said", "cannot tell"
_BEHIND = {
    "42501": "no permission",
    "3D000": "no such database",
    "53300": "too many connections",
}
"""What may stop somebody behind the door, by its SQLSTATE (manual, appendix A)."""
_WRONG_PASSWORD = "28P01"  # noqa: S105 - an SQLSTATE

_MEANINGS = {
    NOT_SAID: "not said: no line that pgward wrote speaks of this path",
    CANNOT_TELL: "cannot tell: the files alone do not decide it, so only SEEN counts",
    "behind": "let in, …: the login was right, and something behind it stopped it",
}
_ASKS = {
    Status.DIFFERS: "where WANTED and FILES differ, a line or a setting beside pgward's block is a "
    "hole, or shuts people out: mend what is named. Where FILES and SEEN differ, the server has "
    "not read its files: reload it, and look for 'not reloaded' in its log",
    Status.OPEN: "open: a line that pgward did not write lets this in over the network without a "
    "certificate. If nobody needs it, take that line out, reload and prove again; if it is meant, "
    "it can stay",
    Status.NOT_TRIED: "not tried: nothing is known of these, and each says what it would take",
}


def cells(row: Row) -> Mapping[str, str | None]:
    """Return what stands in the columns of a table."""
    tried = bool(row.encryption and row.role)
    return {
        "address": row.address,
        "encryption": row.encryption,
        "role": row.role,
        "database": row.database,
        "shown": row.shown,
        "wanted": NOT_SAID if tried and row.wanted is None else row.wanted,
        "files": CANNOT_TELL if tried and row.files is None else row.files,
        "seen": seen(row),
        "status": row.status.value,
    }


def seen(row: Row) -> str:
    """Return what was seen, without any code."""
    if row.seen == Outcome.AUTHENTICATED:
        return f"{Outcome.IN}, {_BEHIND.get(row.sqlstate, 'then an error')}"
    if row.sqlstate == _WRONG_PASSWORD:
        return f"{row.seen}, wrong password"
    return row.seen


def named(row: Row) -> str:
    """Return which row it is, and why it is so, in one line."""
    parts = (row.address, row.encryption, row.shown, row.role)
    return f"{row.status}: {', '.join(filter(None, parts))}: {row.why}"


def legend(rows: Sequence[Row]) -> Iterator[str]:
    """Yield what the words in these rows mean, and what they ask of the reader."""
    used = {word for row in rows for word in cells(row).values()}
    used |= {"behind"} if any(row.seen == Outcome.AUTHENTICATED for row in rows) else set()
    yield from (text for word, text in _MEANINGS.items() if word in used)
    found = {row.status for row in rows}
    yield from (text for status, text in _ASKS.items() if status in found)
