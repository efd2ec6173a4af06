"""Recordings of database sessions, as the CA decrypts them: page by page."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pgward.client import options
from pgward.client.api import ApiClient
from pgward.core.errors import UnavailableError

Purpose = Literal["play", "watch", "export"]
_SECONDS = 60.0  # the CA answers who follows within 25


@dataclass(frozen=True, slots=True)
class Page:
    """Lines of whole pieces, without line feeds; ``ended`` when nothing will follow."""

    lines: list[bytes]
    ended: bool


def pages(
    api: ApiClient, session: str, edge: str | None, purpose: Purpose, *, follow: bool = False
) -> Iterator[Page]:
    """Yield what is recorded of a session, and with ``follow`` what comes until it ends.

    Raises NotFoundError, UnavailableError.
    """
    after = 0
    while True:
        more = {"follow": "true"} if follow else {}
        data = api.get_bytes(
            options.path("database-sessions", session, "recording"),
            timeout=_SECONDS, edge=edge, after=after, purpose=purpose, **more,
        )  # fmt: skip
        lines = data.splitlines()
        try:
            told = json.loads(lines.pop())["page"]
            after, found, ended = int(told["after"]), bool(told["pieces"]), bool(told["ended"])
        except (IndexError, KeyError, TypeError, ValueError):
            raise UnavailableError("the authority's answer is cut off", hint="try again") from None
        yield Page(lines, ended)
        if ended or not (found or follow):
            return
