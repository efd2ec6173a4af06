"""What a server's answers say of itself: its roles, what it refuses, what it runs on."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pgward.hba.check.live import Role, Said
from pgward.hba.live.psql import Row
from pgward.hba.live.rebuilt import NO_REASON
from pgward.hba.syntax.files import Place

_NO_TLS = "hostssl record cannot match because SSL is disabled"
_NOT_APPLIED = "setting could not be applied"
# Their values may hold a password.
_NOT_SHOWN = ("_conninfo", "_command")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def roles(rows: Iterable[Row], members: Iterable[Row]) -> list[Role]:
    """Return who there is, each with the groups that it is directly in."""
    groups: dict[str, set[str]] = defaultdict(set)
    for row in members:
        groups[row["role"]].add(row["grp"])
    return [
        Role(
            row["rolname"],
            row["rolcanlogin"],
            row["rolsuper"],
            row["rolreplication"],
            frozenset(groups[row["rolname"]]),
        )
        for row in rows
    ]


def refused_rules(rows: Iterable[Row], path: str) -> Iterator[Said]:
    """Yield the lines that pg_hba_file_rules shows as not understood.

    A row with a type is a line that was taken, also where its error says that TLS is off.
    """
    for row in rows:
        if row["type"] is None:
            yield Said(_place(row, path), _reason(row["error"]))


def refused_mappings(rows: Iterable[Row], path: str) -> Iterator[Said]:
    """Yield the lines that pg_ident_file_mappings shows as not understood."""
    for row in rows:
        if row["error"] is not None:
            yield Said(_place(row, path), row["error"])


def refused_settings(rows: Iterable[Row], settings: Mapping[str, Row]) -> Iterator[Said]:
    """Yield what pg_file_settings shows as refused; what waits for a restart is no refusal."""
    for row in rows:
        name, error = row["name"], row["error"]
        if error is None or (error == _NOT_APPLIED and _needs_restart(name, settings)):
            continue
        yield Said(_setting_place(row), f"{name}: {error}" if name else error)


def pending(rows: Sequence[Row], settings: Mapping[str, Row]) -> Iterator[Said]:
    """Yield what waits for a restart: what the server knows of, and what a reload would tell it."""
    at = {row["name"]: row for row in rows if row["name"]}
    for name, row in settings.items():
        found = at.get(name)
        told = (
            found is not None and found["error"] == _NOT_APPLIED and _needs_restart(name, settings)
        )
        if row["pending_restart"] or told:
            place = None if found is None else _setting_place(found)
            value = "what it was" if name.endswith(_NOT_SHOWN) else f"'{row['setting']}'"
            yield Said(place, f"{name} is still {value}")


def changed(rows: Iterable[Row]) -> dict[str, str]:
    """Return the files that are newer than what is loaded, with by how much."""
    return {
        row["path"]: f"changed {_span(row['seconds'])} after the server last loaded its files"
        for row in rows
    }


def _reason(error: str | None) -> str:
    if error is None:
        return f"({NO_REASON}: its error is NULL)"
    if error == _NO_TLS:
        # No reason by itself: of a line that is right the view shows the type beside it.
        return f"{error}, and something that the view does not name is wrong, too"
    return error


def _needs_restart(name: str | None, settings: Mapping[str, Row]) -> bool:
    found = settings.get(name or "")
    return found is not None and found["context"] == "postmaster"


def _place(row: Row, path: str) -> Place:
    return Place(row.get("file_name") or path, row["line_number"] or 1)


def _setting_place(row: Row) -> Place | None:
    return Place(row["sourcefile"], row["sourceline"]) if row["sourcefile"] else None


def _span(seconds: float) -> str:
    for unit, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute"), (1, "second")):
        if seconds >= unit:
            count = int(seconds // unit)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "within a second"
