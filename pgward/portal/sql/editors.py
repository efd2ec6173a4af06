"""All editors of this process: each belongs to one login session, and ends with it.

Another replica of the CA has others: whoever comes to the wrong one is told so, and nothing is run.
"""

import asyncio
import logging
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import Final

from anyio.to_thread import run_sync
from sqlalchemy.engine import Connection

from pgward.ca.identity import sessions
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.resources import stored as resources
from pgward.ca.resources.kinds import ServiceSpec, WebClient
from pgward.ca.service.context import Context
from pgward.core.errors import ConflictError, NotFoundError, PgwardError, UnavailableError
from pgward.portal.sql.channel import Door
from pgward.portal.sql.editor import Editor, Wanted

_log = logging.getLogger(__name__)
MOST_EACH: Final = 3
MOST: Final = 64
MOST_FILES: Final = 8
"""Files that are made at once: each may hold long values for a moment."""
IDLE_SECONDS: Final = 5 * 60.0
HELD_SECONDS: Final = 60.0
FORGET_SECONDS: Final = 30 * 60.0
LOOK_SECONDS: Final = 5.0


@dataclass(slots=True)
class Editors:
    """Use it on the event loop; a task looks after the editors as long as there are any."""

    context: Context
    _all: dict[str, Editor] = field(default_factory=dict)
    _watch: asyncio.Task[None] | None = None

    def all_of(self, session: LoginSession) -> list[Editor]:
        """Return all editors of a login session."""
        return [each for each in self._all.values() if each.session_id == session.id]

    def find(self, session: LoginSession, service: str, editor_id: str) -> Editor:
        """Return one's own editor; raise NotFoundError."""
        found = self._all.get(editor_id)
        if found is None or found.session_id != session.id or found.service != service:
            raise NotFoundError(
                "this editor is not here any more",
                hint="its sign-in has ended, it was not used for long, or the authority began anew",
            )
        found.door = replace(found.door, session=session)  # as its person is now
        return found

    def open(self, session: LoginSession, service: str, wanted: Wanted) -> Editor:
        """Open one; raise ConflictError, UnavailableError when there are too many."""
        mine = [each for each in self._all.values() if each.person == session.user.name]
        if len(mine) >= MOST_EACH:
            raise ConflictError(
                f"you have {len(mine)} editors open, and may have {MOST_EACH}",
                hint="close one of them",
            )
        if len(self._all) >= MOST:
            raise UnavailableError("too many editors are open here", hint="try again later")
        made = Editor(secrets.token_urlsafe(16), Door(self.context, session, service), wanted)
        self._all[made.id] = made
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._look_after())
        return made

    def check_room(self) -> None:
        """Raise UnavailableError when too many files are made already."""
        if sum(each.writes and each.is_busy for each in self._all.values()) >= MOST_FILES:
            raise UnavailableError("too many files are made here", hint="try again in a moment")

    async def close(self, editor: Editor, why: str = "it was closed") -> None:
        """Close one; safe to call again."""
        self._all.pop(editor.id, None)
        await editor.disconnect(why)

    async def close_all(self) -> None:
        """Close every one, as the process ends."""
        for each in tuple(self._all.values()):
            await self.close(each)

    async def _look_after(self) -> None:
        """End what is idle, forgotten or no longer allowed, until there are no editors left."""
        changes, seen = self.context.changes, 0
        while self._all and not changes.is_closed:
            seen = await changes.wait(seen, LOOK_SECONDS)
            try:
                over = await run_sync(self._over, tuple(self._all.values()))
            except PgwardError as error:  # the store is away: the edges hear of revocations, too
                _log.warning("who is signed in cannot be read: %s", error.message)
                continue
            for editor, why in over:
                await self.close(editor, why)
            for editor in tuple(self._all.values()):
                await self._rest(editor, time.monotonic())
        await self.close_all()

    async def _rest(self, editor: Editor, now: float) -> None:
        if editor.is_busy:
            return
        idle = now - editor.used
        if editor.is_connected and idle >= IDLE_SECONDS:
            await editor.disconnect("the connection was idle for five minutes, and has ended")
        elif editor.held is not None and now - editor.held >= HELD_SECONDS:
            editor.let_go("the rows behind these were let go after a minute: run it again")
        elif idle >= FORGET_SECONDS:
            await self.close(editor, "it was not used for long")

    def _over(self, editors: tuple[Editor, ...]) -> list[tuple[Editor, str]]:
        """Return the editors whose login session has ended, or whose service takes none now."""
        now = self.context.now()
        found: list[tuple[Editor, str]] = []
        with self.context.store.read() as connection:
            alive = {
                each: sessions.is_alive(connection, each, now)
                for each in {editor.session_id for editor in editors}
            }
            offered = {
                each: client_of(connection, each) for each in {editor.service for editor in editors}
            }
        for each in editors:
            if not alive[each.session_id]:
                found.append((each, "the sign-in has ended"))
            elif offered[each.service] is None:
                found.append((each, "the service takes no browsers any more"))
        return found


def client_of(connection: Connection, service: str) -> WebClient | None:
    """Return what a service lets browsers do; None for nothing, or where it is not there."""
    found = resources.find(connection, "Service", service)
    return None if found is None else ServiceSpec.model_validate(found.spec).web_client
