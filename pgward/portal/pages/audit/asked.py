"""What the query of a page's address asks for."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar

import click
from pydantic import BaseModel, ConfigDict, Field

from pgward.ca.service.models import Storable
from pgward.core.clock import parse_rfc3339
from pgward.core.errors import InvalidInputError
from pgward.portal.web import forms
from pgward.system.durations import Duration

Word = Annotated[str, Field(max_length=1024), Storable]
Words = Annotated[str, Field(max_length=500), Storable]
When = Annotated[str, Field(max_length=40)]
Cursor = Annotated[str, Field(max_length=200)]
Asked = TypeVar("Asked", bound="Query")
_DATE = len("2026-11-21")


class Query(BaseModel):
    """The base of all: what a page does not know means nothing; empty is not said."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    def said(self, *but: str) -> dict[str, str]:
        """Return what was asked for, but for some fields."""
        return {name: str(value) for name, value in self if value and name not in but}


def read(model: type[Asked], given: Mapping[str, str]) -> Asked:
    """Return what is asked for; raise FieldsError."""
    return forms.checked(model, {name: value.strip() for name, value in given.items()})


def typed(model: type[Asked], given: Mapping[str, str]) -> Asked:
    """Return what was typed, right or wrong, for a form to show it again."""
    shown: dict[str, Any] = {
        name: given[name][:1024] for name in model.model_fields if name in given
    }
    return model.model_construct(None, **shown)


def moment(text: str, now: datetime) -> datetime | None:
    """Read a time (in UTC where it says no zone), a date, or a span before now: ``24h``.

    None for nothing; raises InvalidInputError.
    """
    if not text:
        return None
    try:
        if "-" in text:
            return parse_rfc3339(_whole(text))
        span: timedelta = Duration().convert(text, None, None)
        return now - span
    except (ValueError, OverflowError, click.BadParameter):
        raise InvalidInputError(
            f"{text!r} is no time", hint="write 24h, 7d, 2026-11-21 or 2026-11-21 09:00"
        ) from None


def _whole(text: str) -> str:
    """Add midnight to a date, and UTC to what has no zone."""
    if len(text) == _DATE:
        return f"{text}T00:00:00Z"
    has_zone = text.endswith(("Z", "z")) or "+" in text or "-" in text[_DATE:]
    return text if has_zone else f"{text}Z"
