"""The ways into a server as a picture: an SVG that needs nothing else, for light and for dark.

Roles stand beside databases; in each field the weakest way in, and below it the strongest where
that is another. No meaning is in a colour alone: each has a sign and a word beside it.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from pgward.core.errors import InvalidInputError
from pgward.hba.ways.finding import Channel, Found, Outcome
from pgward.hba.ways.report import Report, listed
from pgward.hba.ways.strength import Strength
from pgward.system.safe_text import clean

_MOST_FIELDS = 6000
_COLUMNS: dict[str, tuple[Channel, ...]] = {
    "no TLS": (Channel.CLEAR,),
    "TLS": (Channel.TLS,),
    "this machine": (Channel.SOCKET, Channel.LOOPBACK),
}
_SHORT = {
    Strength.ANY_CERTIFICATE: "any cert",
    Strength.PASSWORD_AND_ANY: "any cert + pw",
    Strength.CERTIFICATE: "cert",
    Strength.CERTIFICATE_AND_MORE: "cert + pw",
}
# The worst first; of each the strengths up to which it goes.
_BANDS = {"bad": Strength.CLEAR, "weak": Strength.ANY_CERTIFICATE, "fair": Strength.SCRAM}
_GOOD, _NONE = "good", "none"
_SIGNS = {
    "bad": "M8 1.2 15.4 14.2H.6Z M8 6v3.6 M8 11.6v.6",
    "weak": "M8 1.5a6.5 6.5 0 1 0 .01 0Z M8 4.6v4.2 M8 11v.6",
    "fair": "M8 1.5a6.5 6.5 0 1 0 .01 0Z M5 8h6",
    "good": "M8 1.5a6.5 6.5 0 1 0 .01 0Z M5 8.2l2.1 2.1L11 6.2",
    "none": "M4.5 8h7",
}
_MARGIN, _FIELD_WIDTH, _FIELD_HEIGHT, _GAP, _APART = 28, 134, 40, 4, 18
_HEAD, _LEGEND_LINE, _LEGEND_WIDTH = 132, 22, 540
_NAME_MOST = 230
_STYLE = """
svg { color-scheme: light dark; font-family: system-ui, -apple-system, "Segoe UI", Roboto,
  "Helvetica Neue", Arial, sans-serif; background: var(--page); }
svg { --page: #fff; --ink: #1b2430; --soft: #5b6675; --line: #e3e7ec;
  --bad: #fde3e1; --bad-ink: #8f1a14; --weak: #fdebd3; --weak-ink: #7a4204;
  --fair: #e3edfc; --fair-ink: #1c4587; --good: #d9f2e4; --good-ink: #0b5138;
  --none: #f2f4f7; --none-ink: #606b7a; }
@media (prefers-color-scheme: dark) { svg { --page: #10151c; --ink: #e6ebf2; --soft: #9aa6b5;
  --line: #2a323d; --bad: #4b1a1a; --bad-ink: #ffb4ad; --weak: #46300f; --weak-ink: #ffcb8b;
  --fair: #1b3054; --fair-ink: #b3cffb; --good: #113c2b; --good-ink: #8ce0bb;
  --none: #1b222c; --none-ink: #98a3b2; } }
text { fill: var(--ink); font-size: 13px; }
.title { font-size: 21px; font-weight: 650; } .soft { fill: var(--soft); font-size: 12px; }
.name { font-weight: 600; } .small { fill: var(--soft); font-size: 11px; }
.rule { stroke: var(--line); stroke-width: 1; } .page { fill: var(--page); }
.field text { font-size: 12px; } .field .word { font-weight: 600; }
.field .more { font-size: 11px; }
.sign { fill: none; stroke-width: 1.5; stroke-linecap: round; stroke-linejoin: round; }
"""
_BAND_STYLE = (
    ".{0} rect {{ fill: var(--{0}); }} .{0} text {{ fill: var(--{0}-ink); }} "
    ".{0} .sign {{ stroke: var(--{0}-ink); }}"
)

_Ends = tuple[Strength, Strength] | None
_Field = tuple[_Ends, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    """Roles with the same fields, and the outcomes that their titles tell of."""

    names: Sequence[str]
    outcomes: Sequence[Outcome]


@dataclass(frozen=True, slots=True)
class _Column:
    names: Sequence[str]
    number: int


def draw(report: Report, found: Found, version: int) -> str:
    """Return the picture; raise InvalidInputError where it would have too many fields."""
    rows, columns = _grouped(found)
    if len(rows) * len(columns) * len(_COLUMNS) > _MOST_FIELDS:
        raise InvalidInputError(
            f"a picture of {len(rows)} different roles by {len(columns)} databases is too large",
            hint="choose some: --role NAME, --database NAME",
        )
    return "\n".join(_Picture(report, rows, columns, version).lines()) + "\n"


def _grouped(found: Found) -> tuple[list[_Row], list[_Column]]:
    """Put roles and databases together whose fields are the same."""
    fields = [_field(each) for each in found.outcomes]
    people: dict[tuple[_Field, ...], list[int]] = {}
    for number, row in enumerate(found.rows):
        people.setdefault(tuple(fields[each] for each in row), []).append(number)
    places: dict[tuple[_Field, ...], list[int]] = {}
    for number in range(len(found.population.places)):
        places.setdefault(tuple(row[number] for row in people), []).append(number)
    labels = [each.label for each in found.population.people]
    names = [each.label for each in found.population.places]
    rows = [
        _Row(
            [labels[each] for each in same],
            [found.outcomes[each] for each in found.rows[same[0]]],
        )
        for same in people.values()
    ]
    return rows, [_Column([names[each] for each in same], same[0]) for same in places.values()]


def _field(outcome: Outcome) -> _Field:
    return tuple(_ends(outcome, channels) for channels in _COLUMNS.values())


def _ends(outcome: Outcome, channels: Sequence[Channel]) -> _Ends:
    pairs = [outcome.ways[each] for each in channels if each in outcome.ways]
    if not pairs:
        return None
    return (
        min((weak.strength for weak, _ in pairs), key=lambda each: each.rank),
        max((strong.strength for _, strong in pairs), key=lambda each: each.rank),
    )


class _Picture:
    """Where everything stands, and what is written there."""

    def __init__(
        self, report: Report, rows: Sequence[_Row], columns: Sequence[_Column], version: int
    ) -> None:
        self._report, self._rows, self._columns, self._version = report, rows, columns, version
        widest = max((_width(_first(row.names), bold=True) for row in rows), default=0)
        self._left = _MARGIN + min(max(int(widest), 90), _NAME_MOST) + 20
        self._step = len(_COLUMNS) * (_FIELD_WIDTH + _GAP) + _APART
        self._below = _HEAD + len(rows) * (_FIELD_HEIGHT + _GAP) + 34
        wide = self._left + len(columns) * self._step - _APART + _MARGIN
        self._width = max(wide, 2 * _LEGEND_WIDTH + 2 * _MARGIN)
        self._height = self._below + 30 + (len(Strength) // 2 + 1) * _LEGEND_LINE + _MARGIN

    def lines(self) -> Iterator[str]:
        """Yield the lines of the file."""
        box = f'width="{self._width}" height="{self._height}"'
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" {box} '
            f'viewBox="0 0 {self._width} {self._height}" role="img" '
            'aria-labelledby="pgward-ways-title pgward-ways-desc">'
        )
        yield f'<title id="pgward-ways-title">{self._title()}</title>'
        yield f'<desc id="pgward-ways-desc">{_safe(self._description())}</desc>'
        bands = " ".join(_BAND_STYLE.format(each) for each in _SIGNS)
        yield f"<style>{_STYLE}{bands}</style>"
        yield f'<rect class="page" {box}/>'
        yield from self._heads()
        for number, row in enumerate(self._rows):
            yield from self._row(row, _HEAD + number * (_FIELD_HEIGHT + _GAP))
        yield from self._legend()
        yield "</svg>"

    def _title(self) -> str:
        return f"Ways into PostgreSQL {self._version}"

    def _description(self) -> str:
        """Return the picture in words: the weakest ways over the network, the worst first."""
        found: dict[Strength, list[str]] = {}
        for row in self._rows:
            for column in self._columns:
                weakest = row.outcomes[column.number].weakest(network=True)
                if weakest is not None:
                    pair = f"{listed(row.names)} into {listed(column.names)}"
                    found.setdefault(weakest, []).append(pair)
        told = "; ".join(
            f"{each.value}: {listed(found[each])}" for each in Strength if each in found
        )
        return f"The weakest way in over the network. {told or 'There is none'}."

    def _heads(self) -> Iterator[str]:
        yield _text(_MARGIN, 44, self._title(), "title")
        yield _text(
            _MARGIN,
            66,
            "What it takes to get in: the weakest way, and below it the strongest where that is "
            "another",
            "soft",
        )
        for number, column in enumerate(self._columns):
            x = self._left + number * self._step
            room = self._step - _APART - 8
            yield f"<g>{_tooltip(', '.join(column.names))}"
            yield _text(x, _HEAD - 32, _fitted(_several(column.names), room, bold=True), "name")
            yield "</g>"
            for place, label in enumerate(_COLUMNS):
                yield _text(x + place * (_FIELD_WIDTH + _GAP) + 2, _HEAD - 12, label, "small")

    def _row(self, row: _Row, y: int) -> Iterator[str]:
        room = self._left - _MARGIN - 12
        several = len(row.names) > 1
        yield f"<g>{_tooltip(', '.join(row.names))}"
        at = y + (18 if several else 25)
        yield _text(_MARGIN, at, _fitted(_first(row.names), room, bold=True), "name")
        if several:
            yield _text(_MARGIN, at + 15, f"and {len(row.names) - 1} more", "small")
        yield "</g>"
        for number, column in enumerate(self._columns):
            outcome = row.outcomes[column.number]
            x = self._left + number * self._step
            names = f"{_several(row.names)} into {_several(column.names)}"
            for place, (label, channels) in enumerate(_COLUMNS.items()):
                told = self._told(outcome, channels) or "no way in"
                ends = _ends(outcome, channels)
                left = x + place * (_FIELD_WIDTH + _GAP)
                yield from _drawn(ends, left, y, f"{names}, {label}: {told}")

    def _told(self, outcome: Outcome, channels: Sequence[Channel]) -> str:
        """Return the ways of some channels in full."""
        found = []
        for channel in channels:
            if channel in outcome.ways:
                weak, strong = outcome.ways[channel]
                more = "" if weak == strong else f" to {self._report.shown(channel, strong)}"
                found.append(f"{channel.value}: {self._report.shown(channel, weak)}{more}")
        return "; ".join(found)

    def _legend(self) -> Iterator[str]:
        y = self._below
        end = self._width - _MARGIN
        yield f'<line class="rule" x1="{_MARGIN}" y1="{y - 22}" x2="{end}" y2="{y - 22}"/>'
        yield _text(_MARGIN, y + 4, "From the weakest to the strongest", "soft")
        half = len(Strength) // 2
        for number, each in enumerate(Strength):
            x = _MARGIN + number // half * _LEGEND_WIDTH
            yield from _entry(_band(each), x, y + 28 + number % half * _LEGEND_LINE, _MEANT[each])
        yield from _entry(_NONE, _MARGIN, y + 28 + half * _LEGEND_LINE, ("", "no way in"))


_MEANT: Mapping[Strength, tuple[str, str]] = {
    each: (_SHORT.get(each, each.value), each.meaning) for each in Strength
}


def _drawn(ends: _Ends, x: int, y: int, told: str) -> Iterator[str]:
    """Yield a field."""
    band = _NONE if ends is None else _band(ends[0])
    yield f'<g class="field {band}">{_tooltip(told)}'
    yield f'<rect x="{x}" y="{y}" width="{_FIELD_WIDTH}" height="{_FIELD_HEIGHT}" rx="6"/>'
    middle = y + _FIELD_HEIGHT // 2
    yield _sign(band, x + 7, middle - 7)
    if ends is not None:
        weak, strong = ends
        alone = weak is strong
        yield _text(x + 27, middle + (4 if alone else -2), _MEANT[weak][0], "word")
        if not alone:
            yield _text(x + 27, middle + 13, f"to {_MEANT[strong][0]}", "more")
    yield "</g>"


def _entry(band: str, x: int, y: int, meant: tuple[str, str]) -> Iterator[str]:
    word, meaning = meant
    yield f'<g class="field {band}">'
    yield f'<rect x="{x}" y="{y - 13}" width="{_FIELD_WIDTH}" height="18" rx="5"/>'
    yield _sign(band, x + 5, y - 11, 0.875)
    yield _text(x + 25, y, word, "word")
    yield "</g>"
    yield _text(x + _FIELD_WIDTH + 10, y, meaning, "soft")


def _band(strength: Strength) -> str:
    return next((name for name, most in _BANDS.items() if strength.rank <= most.rank), _GOOD)


def _sign(band: str, x: int, y: int, size: float = 1) -> str:
    scale = "" if size == 1 else f" scale({size})"
    return f'<path class="sign" transform="translate({x} {y}){scale}" d="{_SIGNS[band]}"/>'


def _text(x: int, y: int, words: str, style: str) -> str:
    return f'<text class="{style}" x="{x}" y="{y}">{_safe(words)}</text>'


def _tooltip(words: str) -> str:
    return f"<title>{_safe(words)}</title>"


def _safe(words: str) -> str:
    """Return text that XML takes, whatever is in a name."""
    plain = words.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return escape(clean(plain).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff"))


def _first(names: Sequence[str]) -> str:
    return names[0]


def _several(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _fitted(words: str, room: float, *, bold: bool) -> str:
    """Return words cut so that they have room."""
    words = clean(words)
    if _width(words, bold=bold) <= room:
        return words
    while words and _width(words + "…", bold=bold) > room:
        words = words[:-1]
    return words + "…"


def _width(words: str, *, bold: bool) -> float:
    """Guess how wide words are at 13 pixels, for there is no font to ask."""
    each = 7.9 if bold else 7.2
    return sum(each * (1.8 if unicodedata.east_asian_width(c) in "WF" else 1) for c in clean(words))
