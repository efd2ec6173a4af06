"""The CA's archive of what edges put on record, read page by page."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from pgward.audit.chain.manifest import Manifest, SignedManifest
from pgward.client import options
from pgward.client.api import ApiClient
from pgward.core.errors import UnavailableError

MOST_RECORDS = 1000  # in one page
_CHUNKS = 100
_FOLLOW_SECONDS = 40.0  # the CA answers within 25
_SEARCH_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Page:
    """Some records; ``cursor`` leads on, ``lost`` are chunks that the CA could not read."""

    records: list[dict[str, Any]]
    cursor: str | None
    lost: list[dict[str, Any]] = field(default_factory=list)


def page(api: ApiClient, wanted: Mapping[str, Any], *, follow: bool = False) -> Page:
    """Return one page of records; raise UnavailableError when it is cut off."""
    seconds = _FOLLOW_SECONDS if follow else _SEARCH_SECONDS
    params = {**wanted, **({"follow": "true"} if follow else {})}
    found = [
        _object(line)
        for line in api.get_bytes("/v1/audit/records", timeout=seconds, **params).splitlines()
    ]
    told = found.pop().get("page") if found else None
    if not isinstance(told, dict):
        raise UnavailableError("the authority's answer is cut off", hint="try again")
    cursor, lost = told.get("cursor"), told.get("lost")
    return Page(found, None if cursor is None else str(cursor), list(lost or ()))


def search(api: ApiClient, wanted: Mapping[str, Any], limit: int | None) -> Iterator[Page]:
    """Yield pages until there were ``limit`` records, or no more."""
    cursor: str | None = None
    left = limit
    while True:
        most = MOST_RECORDS if left is None else min(left, MOST_RECORDS)
        found = page(api, {**wanted, "limit": most, "cursor": cursor})
        yield found
        cursor = found.cursor
        left = None if left is None else left - len(found.records)
        if cursor is None or left == 0:
            return


def follow(api: ApiClient, wanted: Mapping[str, Any]) -> Iterator[Page]:
    """Yield what comes in from now on, for ever; the first page is empty, and comes at once."""
    cursor: str | None = None
    while True:
        found = page(api, {**wanted, "cursor": cursor}, follow=True)
        cursor = found.cursor
        yield found


def chains(api: ApiClient, edge: str | None = None) -> list[dict[str, Any]]:
    """Return the chains of the archive."""
    return list(api.get("/v1/audit/chains", edge=edge)["chains"])


def chunks(api: ApiClient, **wanted: Any) -> Iterator[dict[str, Any]]:
    """Yield the chunks that may hold what is wanted, in the order in which they came in."""
    after: int | None = None
    while True:
        reply = api.get("/v1/audit/chunks", **wanted, after=after, limit=_CHUNKS)
        yield from reply["chunks"]
        after = reply["cursor"]
        if after is None:
            return


def lines(api: ApiClient, signed: SignedManifest) -> list[bytes]:
    """Return a chunk's lines, of which nothing is verified yet.

    Where zstandard is installed they come as their edge packed them.
    """
    about = signed.manifest
    path = path_of(about)
    if find_spec("zstandard") is None:
        return api.get_bytes(path).splitlines()
    from pgward.audit.chain import chunk  # noqa: PLC0415 - an extra

    return chunk.unpack(api.get_bytes(path, packed="true"))


def path_of(about: Manifest) -> str:
    """Return where a chunk is."""
    return options.path("audit", "chunks", about.edge, about.chain, str(about.first_seq))


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise UnavailableError("the authority's answer is cut off", hint="try again")
    return value
