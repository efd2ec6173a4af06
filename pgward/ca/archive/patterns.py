"""Regular expressions from people, matched in linear time: RE2's, which CEL brings.

Python's own may take for ever over a text of a few letters, and hold up the whole authority.
"""

import json
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from pgward.core.errors import InvalidInputError

MOST_LETTERS: Final = 500
# The beginning or the end of all text, a mode that is switched off, an odd end of the pattern.
_ENDS = re.compile(r"\\[AzQC]|\(\?[a-zA-Z]*-|\\$")


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return what tells whether a text has a match of a pattern; raise InvalidInputError."""
    if not 0 < len(pattern) <= MOST_LETTERS:
        raise InvalidInputError(f"a regular expression has 1 to {MOST_LETTERS} letters")
    cel: Any = import_module("cel_expr_python.cel")  # slow to import, and few searches need it

    # ensure_ascii leaves escapes that CEL's strings have as well, but for those of two halves.
    literal = json.dumps(pattern, ensure_ascii=False).replace("\x7f", "\\u007f")
    environment = cel.NewEnv(variables={"text": cel.Type.STRING})
    try:
        expression = environment.compile(f"text.matches({literal})")
        first = expression.eval(data={"text": ""})
    except Exception as error:  # the binding raises several kinds, and names none as its own
        raise InvalidInputError("the regular expression cannot be read") from error
    if first.type() != cel.Type.BOOL:
        raise InvalidInputError(
            f"the regular expression cannot be read: {_reason(str(first.value()))}",
            hint="its syntax is RE2's: https://github.com/google/re2/wiki/Syntax",
        )

    def matches(text: str) -> bool:
        clean = text.encode("utf-8", "replace").decode()  # CEL takes no half of a surrogate pair
        return expression.eval(data={"text": clean}).value() is True

    return matches


def of_many(pattern: str) -> Callable[[str], bool] | None:
    """Return what tells whether any of many texts, each behind a line feed, may have a match.

    That is a hundred times as fast as to ask for each. None for a pattern whose meaning depends
    on where a text begins or ends in a way that line feeds do not show.
    """
    if _ENDS.search(pattern):
        return None
    try:
        return matcher(f"(?m:{pattern})")
    except InvalidInputError:  # a letter too long
        return None


def _reason(text: str) -> str:
    return text.rpartition("regular expression: ")[2].partition("\n")[0][:200]
