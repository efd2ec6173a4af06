"""The lines of files made again from what the server's views show of them.

pg_hba_file_rules (10 and later) and pg_ident_file_mappings (15 and later) show each line that says
something, in order, after ``@file`` and includes. They show neither comments nor quotes, so that a
role called "all" looks like the keyword, nor the option clientname (14 to 18).
(``fill_hba_line`` and ``get_hba_options`` in src/backend/utils/adt/hbafuncs.c.)
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from pgward.hba.live.psql import Row
from pgward.hba.syntax import addresses, tokens
from pgward.hba.syntax.files import Place, Placed, PlacedSetting
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.settings import Setting
from pgward.hba.syntax.tokens import Line, Token

NO_REASON = "pg_hba_file_rules gives no reason"
_PLAIN = re.compile(r"(?!@)[^\s,\"#\x00-\x1f]*[^\s,\"#\\\x00-\x1f]")
# What is shown as true is written as 1.
_TRUE = re.compile(r"(\w+)=true")


def hba(rows: Sequence[Row], path: str) -> list[Placed]:
    """Return the lines of pg_hba.conf; ``path`` is it where the view names no file."""
    return [_line(row, path, _hba_text(row) if row["type"] else None) for row in rows]


def ident(rows: Sequence[Row], path: str) -> list[Placed]:
    """Return the lines of pg_ident.conf."""
    return [
        _line(row, path, None if row["error"] else " ".join(map(_word, _ident_words(row))))
        for row in rows
    ]


def of_file_settings(rows: Iterable[Row]) -> Iterator[PlacedSetting]:
    """Yield what pg_file_settings shows, in the order in which the last of a name counts."""
    for row in rows:
        place = Place(row["sourcefile"] or "pg_file_settings", row["sourceline"] or 1)
        if row["name"] is None:
            yield PlacedSetting(place, None, row["error"] or "it cannot be read")
        else:
            yield PlacedSetting(place, Setting(row["name"], row["setting"] or "", 1, 1))


def of_settings(rows: Iterable[Row], sources: Iterable[str]) -> Iterator[PlacedSetting]:
    """Yield what pg_settings shows as set by one of ``sources``."""
    for row in rows:
        if row["source"] in sources:
            nowhere = f"pg_settings/{row['name']}"
            place = Place(row["sourcefile"] or nowhere, row["sourceline"] or 1)
            yield PlacedSetting(place, Setting(row["name"], row["setting"] or "", 1, 1))


def _line(row: Row, path: str, text: str | None) -> Placed:
    """Return a line of this text, or one that the server refuses where there is none."""
    path, number = row.get("file_name") or path, row["line_number"] or 1
    if text is None:
        problem = BadLineError(row["error"] or NO_REASON)
        return Placed(path, Line(number, b"\n", ()), (), (), problem)
    raw = f"{text}\n".encode("utf-8", "surrogateescape")
    fields = tokens.fields(text)
    return Placed(path, Line(number, raw, fields), fields, ())


def _hba_text(row: Row) -> str:
    address, mask = row["address"], row["netmask"]
    words = [
        row["type"],
        ",".join(map(_word, row["database"])),
        ",".join(map(_word, row["user_name"])),
        *([] if address is None else [_network(address, mask)]),
        row["auth_method"],
        *(_word(_TRUE.sub(r"\1=1", each)) for each in row["options"] or ()),
    ]
    return " ".join(words)


def _ident_words(row: Row) -> list[str]:
    return [row["map_name"], row["sys_name"], row["pg_username"]]


def _network(address: str, mask: str | None) -> str:
    """Write an address as files mostly do, with a number of bits where the mask is a prefix."""
    number = None if mask is None else addresses.numeric(address)
    if mask is None or number is None:
        return _word(address)
    prefix = addresses.with_mask(number, Token(mask)).prefix
    return f"{address} {mask}" if prefix is None else f"{address}/{prefix}"


def _word(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else tokens.quote(text)
