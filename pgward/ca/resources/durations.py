"""Lengths of time as people write them in resources: ``90s``, ``30m``, ``12h``, ``7d``."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

from pgward.ca.resources.model import checked
from pgward.core.errors import InvalidInputError

_DURATION = re.compile(r"([1-9]\d{0,5})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: str) -> timedelta:
    """Read ``90s``, ``30m``, ``12h`` or ``7d``; raise InvalidInputError."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise InvalidInputError(f"{text!r} is no duration", hint="write 90s, 30m, 12h or 7d")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def _seconds(text: str) -> str:
    duration(text)
    return text


# In YAML a bare 90 is a number: what to write says more than that it must be a text.
Duration = Annotated[
    str,
    BeforeValidator(lambda given: str(given) if type(given) is int else given),
    checked(_seconds),
]
