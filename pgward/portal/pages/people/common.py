"""What pages about people have in common."""

import re
from datetime import datetime
from typing import Annotated, Final

from fastapi import Path
from pydantic import Field

from pgward.ca.service.routes import groups
from pgward.core.clock import parse_rfc3339, rfc3339
from pgward.core.errors import InvalidInputError
from pgward.portal.web.frame import Frame

Name = Annotated[str, Path(max_length=253)]
Line = Annotated[str, Field(max_length=500)]
Groups = Annotated[str, Field(max_length=20_000)]
MOST: Final = 50
"""So many of a list stand on a page."""
_MOST_SUGGESTED: Final = 200
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MIDNIGHT: Final = "T00:00:00Z"


def path(name: str) -> str:
    """Return where somebody's page is: names have no letter that an address needs escaped."""
    return f"/admin/people/{name}"


def suggested(frame: Frame) -> list[str]:
    """Return groups to choose from; of very many, the first."""
    found = groups.every(frame.context, frame.me, members=False).groups
    return [each.name for each in found[:_MOST_SUGGESTED]]


def typed(moment: datetime | None) -> str:
    """Return a time as people type it; a day where it begins with one."""
    return "" if moment is None else rfc3339(moment).removesuffix(_MIDNIGHT)


def moment_of(text: str) -> str | None:
    """Return a time that was typed as the API has it; raise InvalidInputError."""
    text = text.strip()
    if not text:
        return None
    try:
        return rfc3339(parse_rfc3339(f"{text}{_MIDNIGHT}" if _DAY.fullmatch(text) else text))
    except (ValueError, OverflowError):
        raise InvalidInputError(
            f"{text!r} is no time", hint="2026-12-01 or 2026-12-01T08:00:00Z"
        ) from None
