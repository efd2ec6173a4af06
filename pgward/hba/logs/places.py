"""Where a server logs, and how: what its configuration says, and the file it writes now."""

import re
from dataclasses import dataclass
from datetime import UTC, tzinfo
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.hba.check.values import lacking_stages
from pgward.hba.logs.csv_log import CsvReader
from pgward.hba.logs.json_log import JsonReader
from pgward.hba.logs.prefix import compile_prefix
from pgward.hba.logs.stderr_log import StderrReader
from pgward.hba.server.datadir import DataDir

CURRENT_FILE = "current_logfiles"
_SUFFIXES = {".csv": "csvlog", ".json": "jsonlog"}
_ON = frozenset({"on", "true", "yes", "1", "all"})
_ENGLISH = re.compile(r"(C|POSIX|en([_.@].*)?|C\..*)?", re.IGNORECASE)
Reader = StderrReader | CsvReader | JsonReader


class Format(StrEnum):
    """How a file is written."""

    STDERR = "stderr"
    CSV = "csvlog"
    JSON = "jsonlog"


@dataclass(frozen=True, slots=True)
class Place:
    """A log: its format, the file as it is named now, and what is needed to read it.

    ``data_dir`` is given where the server itself says which file it writes.
    """

    format: Format
    path: Path
    prefix: str = ""
    zone: tzinfo = UTC
    data_dir: Path | None = None

    def reader(self, offset: int) -> Reader:
        """Return a reader that begins at an offset."""
        if self.format is Format.CSV:
            return CsvReader(offset, self.zone)
        if self.format is Format.JSON:
            return JsonReader(offset, self.zone)
        return StderrReader(compile_prefix(self.prefix), offset, self.zone)


def find(data_dir: DataDir, log_file: Path | None = None, form: Format | None = None) -> Place:
    """Return where a server logs.

    ``log_file`` is what its stderr goes to, where it does not collect its log itself. Raises
    NotFoundError when nobody can know, InvalidInputError for a format that it does not write.
    """
    prefix, zone = data_dir.setting("log_line_prefix"), _zone(data_dir.setting("log_timezone"))
    if log_file is not None:
        chosen = form or Format(_SUFFIXES.get(log_file.suffix, "stderr"))
        return Place(chosen, log_file.absolute(), prefix, zone)
    if data_dir.setting("logging_collector") != "on":
        raise NotFoundError(
            "the server writes its log to its stderr (logging_collector is off)",
            hint="name the file that it goes to, --log-file FILE (on Debian "
            "/var/log/postgresql/…), or set logging_collector = on",
        )
    now = current(data_dir.disk.read(data_dir.path / CURRENT_FILE) or b"")
    if not now:
        raise NotFoundError(
            f"there is no {data_dir.path / CURRENT_FILE}: the server does not run, or logs to a "
            "service of the system",
            hint="start it, or name its log: --log-file FILE",
        )
    wanted = form or next(each for each in (Format.JSON, Format.CSV, Format.STDERR) if each in now)
    if wanted not in now:
        raise InvalidInputError(
            f"the server writes no {wanted}", hint=f"log_destination has {', '.join(now)}"
        )
    return Place(wanted, data_dir.path / now[wanted], prefix, zone, data_dir.path)


def current(text: bytes) -> dict[Format, str]:
    """Read ``current_logfiles``: a format and a path a line."""
    found: dict[Format, str] = {}
    for line in text.decode("utf-8", "surrogateescape").splitlines():
        name, _, path = line.partition(" ")
        if name in set(Format) and path:
            found[Format(name)] = path
    return found


def remarks(data_dir: DataDir, place: Place) -> list[str]:
    """Return what keeps the log from telling all that it could."""
    found = []
    connections = data_dir.setting("log_connections")
    if lacking := lacking_stages(connections, data_dir.able.version):
        without = f" without {' and '.join(lacking)}" if data_dir.able.connection_stages else ""
        said = f"log_connections is {connections or 'off'}{without}"
        found.append(f"{said}: the log does not say who got in (HBA050)")
    if data_dir.setting("log_disconnections") != "on":
        found.append("log_disconnections is off: the log does not say when sessions end")
    if not _ENGLISH.fullmatch(data_dir.setting("lc_messages")):
        found.append(
            "lc_messages is not English: only refusals can be told, by their SQLSTATE; "
            "set lc_messages = 'C'"
        )
    if data_dir.setting("log_min_messages") in {"fatal", "panic"}:
        found.append("log_min_messages is above log: connections are not logged")
    if place.format is not Format.STDERR:
        return found
    return found + _prefix_remarks(place, _stages(data_dir.setting("log_connections")))


def _prefix_remarks(place: Place, stages: set[str]) -> list[str]:
    prefix = compile_prefix(place.prefix)
    found = []
    if not (prefix.names & {"host", "remote"} or stages & (_ON | {"receipt"})):
        found.append(
            "log_connections has no receipt, and log_line_prefix no %h: where from is not known"
        )
    if not prefix.joins:
        found.append("log_line_prefix has neither %p nor %c: what belongs together is not known")
    if not prefix.has_time:
        found.append("log_line_prefix has no %m: when it happened is not known")
    if prefix.forgeable:
        found.append(
            "log_line_prefix has names of the client's choice (%u, %d): a line break in one can "
            "pose as a line of the log, and log_connections must have receipt for a login to be "
            "believed at all; use jsonlog, csvlog, or '%m [%p] %c '"
        )
    return found


def _stages(value: str) -> set[str]:
    """Return the stages of log_connections, which is a list from version 18 on."""
    return {each.strip().lower() for each in value.split(",")}


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
