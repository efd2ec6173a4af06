"""How values read on a page: sentences and times."""

import shlex
from datetime import datetime, timedelta

import segno
from markupsafe import Markup

from pgward.client.phrases import counted, duration, when
from pgward.core.clock import rfc3339
from pgward.core.errors import InvalidInputError
from pgward.portal.web import hints

_KILO = 1000
_MANY = 10
_MOST_LETTERS = 2000
_YEAR, _MONTH = 365, 31  # days, as people count
_FEW_YEARS = timedelta(days=2 * 365)
_ENDS = (".", "!", "?", "…", ":")


def sentence(text: str) -> str:
    """Return one of our messages as a sentence."""
    is_command = text.startswith("pgward ")
    whole = text if is_command else text[:1].upper() + text[1:]
    return whole if not whole or whole.endswith(_ENDS) else f"{whole}."


def shown_time(moment: datetime) -> str:
    """Return a time as people read it, in UTC; scripts turn it into theirs."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def qr(text: str) -> Markup:
    """Return a QR code as a picture in the page; it stays dark on light in the dark.

    InvalidInputError for more text than one holds: it may come back from a form.
    """
    try:
        drawn = segno.make(text, error="m", micro=False)
    except ValueError:
        raise InvalidInputError("that is too long for a QR code") from None
    # Nothing of the text is in it but its modules.
    picture = drawn.svg_inline(scale=5, border=4, light="#fff", title="QR code")
    return Markup(picture)  # noqa: S704 - as said


def seconds(number: float) -> str:
    """Return a number of seconds in words."""
    return duration(timedelta(seconds=number))


def relative(moment: datetime, now: datetime) -> str:
    """Return a time in relation to now; what is years away or ago in years and months."""
    if abs(moment - now) < _FEW_YEARS:
        return when(moment, now)
    years, rest = divmod(round(abs(moment - now) / timedelta(days=1)), _YEAR)
    months = counted(rest // _MONTH, "month") if rest >= _MONTH else ""
    shown = f"{counted(years, 'year')} {months}".strip()
    return f"in {shown}" if moment > now else f"{shown} ago"


def clock(number: float) -> str:
    """Return seconds since a beginning as a clock shows them: ``1:02:03.456``."""
    minutes, rest = divmod(max(0, round(number * 1000)), 60_000)
    hours, minutes = divmod(minutes, 60)
    shown = f"{minutes:02d}:{rest / 1000:06.3f}"
    return f"{hours}:{shown}" if hours else shown


def shortened(text: str) -> str:
    """Return a text that may be of any length as a page can show it."""
    left = len(text) - _MOST_LETTERS
    return text if left <= 0 else f"{text[:_MOST_LETTERS]}… ({counted(left, 'letter')} more)"


def took(number: float) -> str:
    """Return how long something took: in milliseconds, or in seconds if those are many."""
    return f"{number * 1000:.1f} ms" if number < 1 else f"{number:.1f} s"


def number(count: int) -> str:
    """Return a number with commas between thousands."""
    return f"{count:,}"


def amount(count: int, what: str) -> str:
    """Return for example ``1 row`` or ``12,041 rows``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def size(count: float) -> str:
    """Return a number of bytes with its unit: ``1.5 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < _KILO:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= _KILO
    return f"{count:,.1f} TB"


def rate(count: float) -> str:
    """Return how many there are in a second: whole if many."""
    return f"{count:,.0f}" if count >= _MANY or not count else f"{count:.1f}"


FILTERS = {
    "clock": clock,
    "counted": counted,
    "on_a_page": hints.on_a_page,
    "amount": amount,
    "number": number,
    "qr": qr,
    "relative": relative,
    "rate": rate,
    "rfc3339": rfc3339,
    "seconds": seconds,
    "shell": shlex.quote,
    "sentence": sentence,
    "shortened": shortened,
    "shown_time": shown_time,
    "size": size,
    "took": took,
}
