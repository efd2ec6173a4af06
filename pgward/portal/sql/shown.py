"""Answers as a page shows them: texts and numbers, and where in the text an error is. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pgward.pgwire.backend import Column
from pgward.portal.sql import types
from pgward.portal.sql.dialogue import Answer
from pgward.portal.sql.reader import UNKEPT, Value

MOST_TEXT: Final = 4_000
_AROUND: Final = 60  # letters of a long line, on each side of what is pointed at
_MOST_HEADING: Final = 120


@dataclass(frozen=True, slots=True)
class Cell:
    """A value: its text, or NULL; ``cut`` says how long it is where it is not all here."""

    text: str
    is_null: bool = False
    cut: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """A column: its name and type, and whether its values are numbers."""

    name: str
    type: str
    is_number: bool


@dataclass(frozen=True, slots=True)
class Said:
    """An error or a notice; ``pointed`` is the line that it is about, and below it a mark."""

    severity: str
    code: str
    text: str
    detail: str
    hint: str
    where: str
    line: int | None = None
    pointed: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """One answer."""

    heading: str
    columns: tuple[Head, ...]
    rows: tuple[tuple[Cell, ...], ...]
    count: str
    more: bool
    milliseconds: str
    error: Said | None
    notices: tuple[Said, ...]
    refused: str
    let_go: str


def shown(answer: Answer, text: str) -> Shown:
    """Return an answer to a statement of a text."""
    error = None if answer.error is None else _said(answer.error, answer.statement.at, text)
    return Shown(
        heading=_heading(answer.statement.text),
        columns=tuple(_head(each) for each in answer.columns or ()),
        rows=tuple(tuple(_cell(each) for each in row) for row in answer.rows),
        count=_count(answer),
        more=answer.more,
        milliseconds=_duration(answer.seconds),
        error=error,
        notices=tuple(_said(each, answer.statement.at, "") for each in answer.notices),
        refused=answer.refused,
        let_go=answer.let_go,
    )


def _heading(statement: str) -> str:
    line = " ".join(statement[: 4 * _MOST_HEADING].split())
    return line if len(line) <= _MOST_HEADING else f"{line[:_MOST_HEADING]}…"


def _head(column: Column) -> Head:
    return Head(_cut(column.name), types.named(column.type), types.is_number(column.type))


def _cell(value: Value) -> Cell:
    if value.kept is None:
        return Cell("", is_null=True)
    if value is UNKEPT:
        return Cell("", cut="not shown: the page has too much on it")
    text = value.kept.decode("utf-8", "replace").replace("\0", "\ufffd")
    return Cell(text, cut=f"{value.size:,} bytes in all" if value.is_cut else "")


def _count(answer: Answer) -> str:
    """Return how many rows there are, or what the statement has done, in words."""
    if answer.error is not None or answer.refused:
        return "refused" if answer.refused else "failed"
    if answer.columns is None:
        return answer.tag or "done"
    if answer.first > 1 or answer.more:
        if not answer.rows:
            return "no more rows"
        return f"rows {answer.first:,} to {answer.last:,}"
    word = "row" if len(answer.rows) == 1 else "rows"
    verb = answer.tag.partition(" ")[0]
    done = "" if verb in {"SELECT", ""} else f"{answer.tag}, "
    return f"{done}{len(answer.rows):,} {word}"


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _said(fields: Mapping[str, str], at: int, text: str) -> Said:
    position = fields.get("P", "")
    line, pointed = None, ""
    if text and position.isascii() and position.isdigit():
        line, pointed = _pointed(text, at + int(position) - 1)
    return Said(
        severity=_cut(fields.get("V") or fields.get("S", "")),
        code=_cut(fields.get("C", "")),
        text=_cut(fields.get("M", "")),
        detail=_cut(fields.get("D", "")),
        hint=_cut(fields.get("H", "")),
        where=_cut(fields.get("W", "")),
        line=line,
        pointed=pointed,
    )


def _pointed(text: str, at: int) -> tuple[int | None, str]:
    """Return the number of the line in which a letter is, and the line with a mark below it."""
    if not 0 <= at <= len(text):
        return None, ""
    begin = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    line, column = text[begin : len(text) if end < 0 else end], at - begin
    first = max(0, column - _AROUND)
    before = "…" if first else ""
    after = "…" if column + _AROUND < len(line) else ""
    piece = before + line[first : column + _AROUND].replace("\t", " ") + after
    mark = " " * (len(before) + column - first) + "^"
    return text.count("\n", 0, at) + 1, f"{piece}\n{mark}"


def _cut(text: str) -> str:
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}…"


def whole(answers: Sequence[Answer], text: str) -> list[Shown]:
    """Return all answers to a text."""
    return [shown(each, text) for each in answers]
