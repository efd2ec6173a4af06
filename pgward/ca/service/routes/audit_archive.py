"""The archive of what edges put on record, as auditors read it."""

import json
import time
from collections.abc import Mapping
from functools import partial
from gzip import compress
from hashlib import sha256
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Depends, Path, Query, Request, Response
from pydantic import BaseModel

from pgward.audit.chain import chunk as chunks
from pgward.ca.archive import chains, index, patterns, reading
from pgward.ca.archive.index import Wanted
from pgward.ca.archive.matching import Text
from pgward.ca.archive.search import MOST_RECORDS, Page
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.service import strict
from pgward.ca.service.auth import Auditor
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Moment, Time
from pgward.core.errors import InvalidInputError, NotFoundError

router = strict.router("audit")
LONGEST_WAIT = 25.0
NDJSON = "application/x-ndjson"
_CHAIN = "^[0-9a-f]{16}$"
_ARRIVAL = "at,"
_OF_PAGES = frozenset({"cursor", "after", "limit", "order", "follow"})

Word = Annotated[str | None, Query(max_length=256)]
When = Annotated[Moment | None, Query()]
Limit = Annotated[int, Query(ge=1, le=MOST_RECORDS)]


class Chain(BaseModel):
    """A chain: what of it is kept, from ``first_seq`` on, and which lines never came."""

    edge: str
    chain: str
    first_seq: int
    first_hash: str
    head_seq: int
    head_hash: str
    started_at: Time
    received_at: Time
    gaps: list[tuple[int, int]]


class Chains(BaseModel):
    """Every chain, in the order in which they began."""

    chains: list[Chain]


class Chunk(BaseModel):
    """A chunk; ``manifest`` is what its edge signed."""

    arrival: int
    edge: str
    chain: str
    first_seq: int
    last_seq: int
    plain_bytes: int
    first_time: Time
    last_time: Time
    received_at: Time
    manifest: str


class Chunks(BaseModel):
    """Chunks in the order in which they came; ``cursor`` is the next page's ``after``."""

    chunks: list[Chunk]
    cursor: int | None


def _wanted(
    *,
    since: When = None,
    until: When = None,
    edge: Word = None,
    user: Word = None,
    service: Word = None,
    session: Word = None,
    type: Word = None,  # noqa: A002 - the field's name
    status: Word = None,
) -> Wanted:
    return Wanted(since, until, edge, user, service, session, type, status)


Filters = Annotated[Wanted, Depends(_wanted)]


@router.get(
    "/audit/records",
    summary="Search what edges put on record",
    response_class=Response,
    responses={200: {"content": {NDJSON: {}}, "description": "records, and at last the page"}},
)
async def records(
    *,
    context: Current,
    by: Auditor,
    request: Request,
    wanted: Filters,
    contains: Annotated[str | None, Query(min_length=1, max_length=500)] = None,
    regex: Annotated[str | None, Query(min_length=1, max_length=patterns.MOST_LETTERS)] = None,
    order: Annotated[str, Query(pattern="^(newest|oldest)$")] = "newest",
    limit: Limit = 100,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    follow: bool = False,
) -> Response:
    """Return records as they stand in their chains, one a line.

    The last line is ``{"page": …}``: its ``cursor`` leads to the next page, and is null behind the
    last; a page may end before it is full. With ``follow``, records come as they arrive, and the
    answer waits until there is one.
    """
    text = Text(contains, regex)
    asked = dict(request.query_params)
    if follow:
        await run_sync(_note_pages, context, by, asked)
        return await _follow(context, wanted, text, cursor)
    page = await find(
        *(context, by, wanted, text),
        asked=asked,
        limit=limit,
        newest=order == "newest",
        cursor=cursor,
    )
    return _lines(page, page.cursor)


async def find(
    context: Context,
    by: LoginSession,
    wanted: Wanted,
    text: Text,
    *,
    asked: Mapping[str, str],
    limit: int,
    newest: bool = True,
    cursor: str | None = None,
) -> Page:
    """Return a page of records, when it is the turn of one who searches.

    That somebody searches, for what is ``asked``, is put on record with the first page, or with
    another one that no first page led to: anybody can write a cursor.
    """
    await run_sync(_note_pages, context, by, asked)
    return await page_of(context, wanted, text, limit=limit, newest=newest, cursor=cursor)


async def page_of(
    context: Context,
    wanted: Wanted,
    text: Text,
    *,
    limit: int,
    newest: bool = True,
    cursor: str | None = None,
) -> Page:
    """Return a page of a search that is on record already."""
    search = partial(
        context.archive.search.page,
        *(wanted, text),
        limit=limit,
        newest=newest,
        cursor=cursor,
    )
    return await run_sync(search, limiter=context.archive.searching)


async def _follow(context: Context, wanted: Wanted, text: Text, cursor: str | None) -> Response:
    archive = context.archive
    if cursor is None:
        newest = await run_sync(_last_arrival, context)
        return _lines(Page(), f"{_ARRIVAL}{newest}")
    after = _read_arrival(cursor)
    until = time.monotonic() + LONGEST_WAIT
    while True:
        read = partial(archive.search.arrived, wanted, text, after=after)
        page, reached = await run_sync(read, limiter=archive.searching)
        left = until - time.monotonic()
        if page.lines or page.lost or left <= 0 or archive.news.closed:
            return _lines(page, f"{_ARRIVAL}{reached}")
        if reached == after:
            await archive.news.wait(left)
        after = reached


@router.get("/audit/chains", summary="List the chains of the archive")
def every_chain(context: Current, _by: Auditor, edge: Word = None) -> Chains:
    """Return how far each chain goes, what of it is kept, and its gaps."""
    with context.store.read() as connection:
        return Chains(chains=[Chain(**each) for each in chains.every(connection, edge)])


@router.get("/audit/chunks", summary="List the chunks of the archive")
def every_chunk(
    *,
    context: Current,
    by: Auditor,
    request: Request,
    wanted: Filters,
    chain: Annotated[str | None, Query(pattern=_CHAIN)] = None,
    after: Annotated[int | None, Query(ge=0, le=2**62, description="an arrival")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> Chunks:
    """Return the manifests of chunks that may hold what is wanted, in the order of arrival."""
    if _is_news(context, by, "audit.read") or after is None:
        _note(context, by, "audit.read", dict(request.query_params))
    with context.store.read() as connection:
        rows = index.by_arrival(connection, wanted, after=after or 0, most=limit, chain=chain)
    cursor = rows[-1]["arrival"] if len(rows) == limit else None
    return Chunks(chunks=[Chunk.model_validate(dict(row)) for row in rows], cursor=cursor)


@router.get(
    "/audit/chunks/{edge}/{chain}/{first_seq}",
    summary="Read a chunk",
    response_class=Response,
    responses={200: {"content": {NDJSON: {}, "application/zstd": {}}, "description": "its lines"}},
)
def one_chunk(
    *,
    context: Current,
    by: Auditor,
    request: Request,
    edge: Annotated[str, Path(max_length=63)],
    chain: Annotated[str, Path(pattern=_CHAIN)],
    first_seq: Annotated[int, Path(ge=1, lt=10**18)],
    packed: bool = False,
) -> Response:
    """Return the lines of the chunk that begins with a line; ``packed`` as its edge sent it."""
    with context.store.read() as connection:
        row = index.find(connection, edge, chain, first_seq)
    if row is None:
        raise NotFoundError(f"no chunk of {edge} begins with line {first_seq} of chain {chain}")
    if _is_news(context, by, "audit.read"):  # nobody has to ask for a list before
        _note(context, by, "audit.read", {"edge": edge, "chain": chain})
    data = reading.data_of(context.archive.objects, row)
    if packed:
        return Response(data, media_type="application/zstd")
    plain = b"\n".join([*chunks.unpack(data), b""])
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(plain, media_type=NDJSON)
    return Response(compress(plain, 1), media_type=NDJSON, headers={"Content-Encoding": "gzip"})


def _lines(page: Page, cursor: str | None) -> Response:
    told = {
        "cursor": cursor,
        "records": page.records,
        "chunks": page.chunks,
        "lost": page.lost,
    }
    last = json.dumps({"page": told}, separators=(",", ":")).encode()
    return Response(b"\n".join([*page.lines, last, b""]), media_type=NDJSON)


def _last_arrival(context: Context) -> int:
    with context.store.read() as connection:
        return index.last_arrival(connection)


def _read_arrival(cursor: str) -> int:
    number = cursor.removeprefix(_ARRIVAL)
    if number == cursor or not number.isascii() or not number.isdigit():
        raise InvalidInputError("that cursor is of another search")
    return int(number[:18])


def note_record(context: Context, by: LoginSession, edge: str, record: str) -> None:
    """Put on record who reads a record by itself, once in a while."""
    if _is_news(context, by, "audit.read", edge, record):
        _note(context, by, "audit.read", {"edge": edge, "record": record})


def _note_pages(context: Context, by: LoginSession, asked: Mapping[str, str]) -> None:
    """Put on record who searches, once for all pages that follow."""
    question = sorted((name, each) for name, each in asked.items() if name not in _OF_PAGES)
    told = sha256(json.dumps(question).encode()).hexdigest()
    if _is_news(context, by, "audit.search", told) or not asked.get("cursor"):
        _note(context, by, "audit.search", asked)


def _is_news(context: Context, by: LoginSession, *reading_of: str) -> bool:
    return context.recordings.is_news(by.id, *reading_of, now=context.monotonic())


def _note(context: Context, by: LoginSession, action: str, asked: Mapping[str, str]) -> None:
    """Put on record who reads; not which words, as these may be what must not spread."""
    hidden = {name: "…" for name in ("contains", "regex") if name in asked}
    details: dict[str, Any] = {name: value[:256] for name, value in asked.items()} | hidden
    with context.acts.act(by.user.name, action) as act:
        act.details |= details
