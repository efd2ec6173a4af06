"""One message of a server's log, whatever file it stood in."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo

MAX_RECORD = 256 * 1024
"""Longer messages are statements, and none of ours."""
FATAL = "FATAL"
"""What ends a connection. Whatever else has a statement or a context was written by a statement:
``raise log`` takes any words, and ours are not to be had from there."""

# What a message that may be about a connection has in it somewhere.
INTERESTING = re.compile(
    rb"connection[ :]|FATAL|SSL|usermap|provided user name|startup packet|28[0P]0|3D000|53300|57P0"
)
_TIME = re.compile(
    r"(\d{4,6})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{3}))? ([A-Za-z0-9+:/_-]+)"
)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)?(?::?(\d\d))?")
_GREENWICH = frozenset({"UTC", "GMT", "UCT", "Z", "Zulu", "Universal"})


@dataclass(frozen=True, slots=True)
class Record:
    """A message; ``offset`` is where it begins in its file.

    ``session`` joins the messages of one connection, and is None where nothing tells which
    belong together. What is ``doubtful`` a client may have written; where it is ``forgeable``,
    nothing in the line itself tells. ``user`` and ``database`` are what the client asked for.
    """

    offset: int
    severity: str
    message: str
    time: datetime | None = None
    detail: str = ""
    sqlstate: str | None = None
    session: str | None = None
    pid: int | None = None
    user: str | None = None
    database: str | None = None
    host: str | None = None
    port: int | None = None
    doubtful: bool = False
    forgeable: bool = False


def moment(text: str, zone: tzinfo) -> datetime | None:
    """Read a time of the log; ``zone`` is log_timezone, for names that say it in short."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(each) for each in match.groups()[:6])
    thousandths, name = int(match[7] or 0), match[8]
    try:
        found = datetime(year, month, day, hour, minute, second, thousandths * 1000)  # noqa: DTZ001 - its zone follows
    except ValueError:
        return None
    if name in _GREENWICH:
        return found.replace(tzinfo=UTC)
    offset = _OFFSET.fullmatch(name)
    if offset is not None:
        sign = -1 if offset[1] == "-" else 1
        hours, minutes, seconds = (int(each or 0) for each in offset.groups()[1:])
        span = sign * timedelta(hours=hours, minutes=minutes, seconds=seconds)
        return found.replace(tzinfo=timezone(span)) if abs(span) < timedelta(days=1) else None
    there = found.replace(tzinfo=zone)
    # At the end of summer time an hour comes twice; its name tells which it is.
    return there if there.tzname() == name else there.replace(fold=1)
