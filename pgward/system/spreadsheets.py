"""CSV (RFC 4180) that a spreadsheet shows and does not run."""

import csv
import io
from collections.abc import Iterable
from typing import Any, Final

from pgward.system.safe_text import clean

# OWASP, "CSV injection": a cell that begins so is a formula, or becomes one.
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def line(values: Iterable[Any]) -> str:
    """Return a line of CSV without its end; None is empty, yes and no are words."""
    held = io.StringIO()
    csv.writer(held, lineterminator="").writerow([_cell(each) for each in values])
    return held.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return value
    text = clean(str(value))
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULAS) else text
