"""What pages about machines and servers have in common."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final, Generic, TypeVar

from fastapi import Path
from pydantic import Field

from pgward.core.errors import (
    ConflictError,
    DeniedError,
    InvalidInputError,
    NotFoundError,
    TooManyRequestsError,
    UnavailableError,
)
from pgward.pki import reasons
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Frame

T = TypeVar("T")
FEW: Final = 60
"""So many machines or servers are on a page."""
_LONGEST = 253
REFUSALS: Final = (
    ConflictError,
    DeniedError,
    InvalidInputError,
    NotFoundError,
    TooManyRequestsError,
    UnavailableError,
)
"""What a form's answer says on the page that the form stands in."""
Name = Annotated[str, Path(max_length=253)]
Word = Annotated[str, Field(max_length=253)]
Line = Annotated[str, Field(max_length=1000)]
Lines = Annotated[str, Field(max_length=20_000)]
REASONS: Final = tuple(
    (name, re.sub("(?<=[a-z])(?=[A-Z])", " ", name).lower()) for name in reasons.FOR_LEAVES
)
"""Why a certificate is revoked: the names of RFC 5280 section 5.3.1, and how they read."""


class Act(Form):
    """What is done with something, by the name of its button."""

    act: Annotated[str, Field(max_length=30)]


class Revoke(Form):
    """Why certificates are revoked: a reason for the lists, and words for the audit log."""

    reason: Annotated[str, Field(max_length=64)] = "unspecified"
    comment: Line = ""


@dataclass(frozen=True, slots=True)
class Few(Generic[T]):
    """Some of many by name: ``search`` chose them, and ``first`` and ``next`` lead to others."""

    rows: list[T]
    number: int
    search: str
    first: str | None
    next: str | None


def few(frame: Frame, every: Iterable[tuple[str, T]]) -> Few[T]:
    """Return those of a list that the address asks for by ``search`` and ``after``."""
    query = frame.request.query_params
    search, after = query.get("search", "").strip()[:_LONGEST], query.get("after", "")
    chosen = [(name, each) for name, each in every if search.lower() in name.lower()]
    left = [(name, each) for name, each in chosen if name > after]
    shown = left[:FEW]
    return Few(
        [each for _, each in shown],
        len(chosen),
        search,
        frame.link(after=None) if after else None,
        frame.link(after=shown[-1][0]) if len(left) > FEW else None,
    )


def listed(text: str) -> list[str]:
    """Return what somebody wrote in lines, or between commas or spaces."""
    return [each for each in re.split(r"[\s,]+", text) if each]


def unknown_act() -> InvalidInputError:
    """Return what is said of a button that no page of ours has."""
    return InvalidInputError("there is nothing of that kind to do")
