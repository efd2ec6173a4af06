"""Files of all that a search finds: CSV for spreadsheets, JSON lines for programs.

They are written while they are read, a page of the search at a time, and end when whoever asked
is signed out. Where there is more than goes into one, the last line says so.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Final, Literal

from fastapi import Response
from fastapi.responses import StreamingResponse

from pgward.ca.service import auth
from pgward.core.errors import LoginNeededError, PgwardError
from pgward.portal.web import headers
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Frame
from pgward.system import spreadsheets

MOST: Final = 100_000
"""Lines of one file."""
CUT: Final = "… there is more"
SIGNED_OUT: Final = "… whoever asked was signed out"
FAILED: Final = "… the rest could not be read"
_AT_ONCE = 500
_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}

Rows = Sequence[Mapping[str, Any]]


class Export(Form):
    """As what."""

    form: Literal["csv", "jsonl"]


def note(frame: Frame, what: str, said: Mapping[str, str]) -> None:
    """Put on record who took what along; not which words, as these may be what must not spread."""
    with frame.context.acts.act(frame.me.user.name, "audit.export", what) as act:
        hidden = {name: "…" for name in ("text", "regex") if name in said}
        act.details |= {name: value[:256] for name, value in said.items()} | hidden


def answer(
    frame: Frame, what: str, form: str, fields: Sequence[str], pages: Iterator[Rows]
) -> Response:
    """Return a file of pages, of which the first is read at once: what is wrong is a page then."""
    first = next(pages, ())
    name = f"pgward-{what}-{frame.context.now():%Y%m%dT%H%M%SZ}.{form}"
    rows = _bounded(frame, first, pages)
    # RFC 4180 has lines of CSV end so.
    lines, end = (_csv(fields, rows), "\r\n") if form == "csv" else (_json(rows), "\n")
    return StreamingResponse(
        _gathered(lines, end),
        media_type=_TYPES[form],
        headers={
            **headers.COMMON,
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="{name}"',
        },
    )


def _bounded(frame: Frame, first: Rows, pages: Iterator[Rows]) -> Iterator[Mapping[str, Any] | str]:
    """Yield rows, and at last why there are no more if that is not all."""
    number, page = 0, first
    while True:
        for row in page:
            if number == MOST:
                yield CUT
                return
            number += 1
            yield row
        try:
            _see_that_they_are_signed_in(frame)
            page = next(pages)
        except StopIteration:
            return
        except LoginNeededError:
            yield SIGNED_OUT
            return
        except PgwardError as error:
            yield f"{FAILED}: {error.message}"
            return


def _see_that_they_are_signed_in(frame: Frame) -> None:
    if frame.who is None:
        raise LoginNeededError
    auth.living(frame.context, frame.who.token)


def _csv(fields: Sequence[str], rows: Iterable[Mapping[str, Any] | str]) -> Iterator[str]:
    yield spreadsheets.line(fields)
    for row in rows:
        values = (row,) if isinstance(row, str) else (_cell(row.get(name)) for name in fields)
        yield spreadsheets.line(values)


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _json(rows: Iterable[Mapping[str, Any] | str]) -> Iterator[str]:
    for row in rows:
        yield json.dumps({"end": row} if isinstance(row, str) else row, ensure_ascii=False)


def _gathered(lines: Iterator[str], end: str) -> Iterator[bytes]:
    """Yield some lines at once: each piece is a turn of another thread."""
    for first in lines:
        some = chain([first], islice(lines, _AT_ONCE - 1))
        yield "".join(f"{line}{end}" for line in some).encode("utf-8", "replace")
