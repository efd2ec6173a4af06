"""``/databases/NAME/sql``: SQL in the browser, through an edge, at services that allow it.

What runs goes on while no page waits for it: each POST waits a moment, and the page after it shows
how far it is. docs/adr/0034 says how the edge knows for whom this process comes.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from anyio.to_thread import run_sync
from fastapi import FastAPI, Path, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from pgward.ca.service import errors
from pgward.ca.service.context import Context
from pgward.ca.service.routes.me import ServiceInfo
from pgward.core.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PgwardError,
    UnavailableError,
)
from pgward.portal.pages import database
from pgward.portal.sql import shown
from pgward.portal.sql.editor import Editor, Pieces, Wanted
from pgward.portal.sql.editors import MOST_EACH, Editors
from pgward.portal.sql.export import Export
from pgward.portal.sql.splitting import split
from pgward.portal.web import headers, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Frame, Signed

router = route.router()
WAIT_SECONDS = 2.0
"""So long a page waits for an answer; then it comes, and says that the statement runs."""
MOST_SQL = 60_000
PREFIX = "/databases/"
MAX_BODY = 256 * 1024
_REFUSALS = (ConflictError, InvalidInputError, UnavailableError)
_TABLES = """\
select n.nspname as schema, c.relname as name,
  case c.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view'
    when 'm' then 'materialized view' else 'foreign table' end as kind,
  (select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by attnum)
    from pg_catalog.pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_'
  and n.nspname <> 'information_schema' and has_schema_privilege(n.oid, 'usage')
order by 1, 2"""
_INSTEAD = {"commit": "commit", "rollback": "rollback", "tables": _TABLES}
_Id = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
_Word = Annotated[str, Field(max_length=63)]


class Run(Form):
    """What is to be run; ``transaction``: the page says that a transaction block is open.

    With ``instead`` that is run, and the text stays as it is.
    """

    sql: Annotated[str, Field(max_length=MOST_SQL)] = ""
    transaction: bool = False
    instead: Literal["commit", "rollback", "tables"] | None = None

    @property
    def statement(self) -> str:
        """What is run."""
        return self.sql if self.instead is None else _INSTEAD[self.instead]


class Open(Form):
    """What is to be run first in a new editor, and as whom, where and why it connects."""

    sql: Annotated[str, Field(max_length=MOST_SQL)] = ""
    role: _Word = ""
    database: _Word = ""
    reason: Annotated[str, Field(max_length=200)] = ""

    @property
    def wanted(self) -> Wanted:
        """How to connect."""
        words = self.role.strip(), self.database.strip(), " ".join(self.reason.split())
        return Wanted(*words)


def install(app: FastAPI, context: Context) -> None:
    """Have a place for the editors of this process."""
    app.state.editors = Editors(context)
    app.state.larger[PREFIX] = MAX_BODY


@router.get("/databases/{service}/sql")
async def start(frame: Signed, service: database.Name) -> Response:
    """Show an editor that has no connection yet."""
    return await _new(frame, await run_sync(_offer, frame, service))


@router.post("/databases/{service}/sql")
async def begin(frame: Signed, service: database.Name) -> Response:
    """Open an editor, and run the first text in it."""
    offer = await run_sync(_offer, frame, service)
    form = frame.form(Open)
    statements = await run_sync(split, form.sql)  # in a thread: others want answers meanwhile
    editors = _editors(frame)
    try:
        editor = editors.open(frame.me, service, form.wanted)
    except _REFUSALS as error:
        return await _new(frame, offer, error, form)
    try:
        task = editor.run(form.sql, statements=statements)
    except _REFUSALS as error:
        await editors.close(editor)
        return await _new(frame, offer, error, form)
    return await _after(frame, editor, task)


@router.get("/databases/{service}/sql/{editor_id}")
async def show(frame: Signed, service: database.Name, editor_id: _Id) -> Response:
    """Show an editor, and what came of the last text, or that it runs."""
    offer = await run_sync(_offer, frame, service)
    return await _shown(frame, offer, _editors(frame).find(frame.me, service, editor_id))


@router.post("/databases/{service}/sql/{editor_id}/run")
async def run(frame: Signed, service: database.Name, editor_id: _Id) -> Response:
    """Run a text; in an editor that is not here any more nothing runs, and the text is kept."""
    offer = await run_sync(_offer, frame, service)
    form = frame.form(Run)
    statements = await run_sync(split, form.statement)
    try:
        editor = _editors(frame).find(frame.me, service, editor_id)
    except NotFoundError as error:
        lost = ConflictError(f"nothing was run: {error.message}", hint=error.hint)
        return await _new(frame, offer, lost, Open(sql=form.sql))
    try:
        task = editor.run(form.statement, in_transaction=form.transaction, statements=statements)
        editor.text = form.sql
    except _REFUSALS as error:
        return await _shown(frame, offer, editor, error, form.sql)
    return await _after(frame, editor, task)


@router.post("/databases/{service}/sql/{editor_id}/more")
async def more(frame: Signed, service: database.Name, editor_id: _Id) -> Response:
    """Read the next rows of the last answer."""
    offer = await run_sync(_offer, frame, service)
    editor = _editors(frame).find(frame.me, service, editor_id)
    try:
        task = editor.page()
    except _REFUSALS as error:
        return await _shown(frame, offer, editor, error)
    return await _after(frame, editor, task)


@router.post("/databases/{service}/sql/{editor_id}/cancel")
async def cancel(frame: Signed, service: database.Name, editor_id: _Id) -> Response:
    """Have the statement that runs be cancelled."""
    offer = await run_sync(_offer, frame, service)
    editor = _editors(frame).find(frame.me, service, editor_id)
    try:
        await editor.cancel()
    except PgwardError as error:
        return await _shown(frame, offer, editor, error)
    return await _after(frame, editor, editor.task)


@router.post("/databases/{service}/sql/{editor_id}/close")
async def close(frame: Signed, service: database.Name, editor_id: _Id) -> Response:
    """Close an editor with its connection."""
    editors = _editors(frame)
    await editors.close(editors.find(frame.me, service, editor_id))
    return frame.go(f"/databases/{service}/sql", "The editor is closed.")


@router.post("/databases/{service}/sql/{editor_id}/export")
async def save(frame: Signed, service: database.Name, editor_id: _Id) -> Response:
    """Run one statement, and give its answer as a file."""
    offer = await run_sync(_offer, frame, service)
    form = frame.form(Run)
    editor = _editors(frame).find(frame.me, service, editor_id)
    if not offer.ways.export:
        refused = ConflictError(f"{service} lets nobody save answers as files")
        return await _shown(frame, offer, editor, refused, form.sql)

    async def tell(made: Export) -> None:
        await run_sync(_record, frame, service, made)

    statements = await run_sync(split, form.sql)
    try:
        _editors(frame).check_room()
        pieces = editor.export(form.sql, tell, statements)
    except _REFUSALS as error:
        return await _shown(frame, offer, editor, error, form.sql)
    first = await editor.next_piece(pieces)
    if first is None:
        return await _after(frame, editor, editor.task)
    sent = {**headers.COMMON, "Content-Disposition": f'attachment; filename="{service}.csv"'}
    content = _content(editor, first, pieces)
    return StreamingResponse(content, media_type="text/csv; charset=utf-8", headers=sent)


async def _content(editor: Editor, first: str, pieces: Pieces) -> AsyncIterator[str]:
    piece: str | None = first
    try:
        while piece is not None:
            yield piece
            piece = await editor.next_piece(pieces)
    finally:
        if piece is not None:
            editor.abandon()


def _record(frame: Frame, service: str, made: Export) -> None:
    with frame.context.acts.act(frame.me.user.name, "sql.export", service) as act:
        act.details |= {"rows": made.rows, "bytes": made.size, "whole": not made.cut}


def _editors(frame: Frame) -> Editors:
    found = frame.request.app.state.editors
    if not isinstance(found, Editors):
        raise TypeError("the application has no editors")
    return found


def _offer(frame: Frame, name: str) -> ServiceInfo:
    """Return a service that one may use so; raise NotFoundError."""
    found = database.find(frame, name)
    if found is None:
        raise NotFoundError(
            f"there is no database {name!r} for you",
            hint="the page Databases lists those that you may use",
        )
    if not found.ways.browser:
        raise NotFoundError(
            f"{name} is not open to the browser", hint=f"use a terminal: pgward psql {name}"
        )
    return found


async def _after(frame: Frame, editor: Editor, task: "asyncio.Task[None] | None") -> Response:
    """Wait a moment for what runs, and go to the page that shows it."""
    if task is not None:
        await asyncio.wait({task}, timeout=WAIT_SECONDS)
    return frame.go(f"/databases/{editor.service}/sql/{editor.id}")


async def _new(
    frame: Frame, service: ServiceInfo, problem: PgwardError | None = None, form: Open | None = None
) -> Response:
    mine = _editors(frame).all_of(frame.me)
    return await run_sync(
        lambda: frame.show(
            "sql/editor.html",
            status=200 if problem is None else errors.status(problem),
            service=service,
            editor=None,
            others=mine,
            most=MOST_EACH,
            form=form or Open(),
            text="" if form is None else form.sql,
            answers=[],
            problem=problem,
            most_text=MOST_SQL,
            now=frame.context.now(),
        )
    )


async def _shown(
    frame: Frame,
    service: ServiceInfo,
    editor: Editor,
    problem: PgwardError | None = None,
    text: str | None = None,
) -> Response:
    status = 200 if problem is None else errors.status(problem)
    mine = _editors(frame).all_of(frame.me)
    if not editor.is_busy:
        editor.note_end()
    answers = () if editor.is_busy else tuple(editor.answers)
    return await run_sync(
        lambda: frame.show(
            "sql/editor.html",
            status=status,
            service=service,
            editor=editor,
            others=mine,
            most=MOST_EACH,
            form=None,
            text=editor.text if text is None else text,
            answers=shown.whole(answers, editor.ran),
            problem=problem or editor.problem,
            most_text=MOST_SQL,
            now=frame.context.now(),
        )
    )
