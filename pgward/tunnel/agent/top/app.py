"""The screen of ``pgward top``."""

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.css.query import NoMatches
from textual.widgets import DataTable, Footer, RichLog, Static
from textual.worker import Worker

from pgward.core.errors import PgwardError
from pgward.system.terminal import clean
from pgward.tunnel.agent.top import words
from pgward.tunnel.agent.top.figures import Figures, Meter
from pgward.tunnel.agent.top.source import Source

LOOK_SECONDS = 1.0
SERVICES_SECONDS = 60.0

Table = DataTable[Text]


class TopApp(App[None]):
    """Shows what the agent does, until ``q``."""

    TITLE = "pgward top"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #clocks { height: 1; padding: 0 1; text-style: bold; }
    #agent { height: auto; padding: 0 1; color: $error; }
    #services { height: 2fr; }
    #connections { height: 3fr; }
    #events { height: 6; padding: 0 1; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("c", "connect", "Connect"),
        ("d", "disconnect", "Disconnect"),
        ("tab", "focus_next", "Other table"),
        ("q", "quit", "Quit"),
    ]

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source
        self._meter = Meter()
        self._names: list[str] = []
        self._after = 0
        self._names_at = 0.0
        self._looking = asyncio.Lock()

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield Static("", id="clocks", markup=False)
        yield Static("asking the agent", id="agent", markup=False)
        yield _table("services", words.SERVICES)
        yield _table("connections", words.CONNECTIONS)
        yield RichLog(id="events", markup=False, max_lines=200)
        yield Footer()

    def on_mount(self) -> None:
        """Begin to look."""
        self.query_one("#events").can_focus = False
        self.query_one("#services").focus()
        self.set_interval(LOOK_SECONDS, self._begin_look)
        self._begin_look()

    def on_unmount(self) -> None:
        """Let go of the agent."""
        self._source.close()

    # --- looking ----------------------------------------------------------------------

    def _begin_look(self) -> None:
        self._begin(self._look, "look")
        if time.monotonic() >= self._names_at:
            self._names_at = time.monotonic() + SERVICES_SECONDS
            self._begin(self._look_at_services, "services")

    def _begin(self, work: Callable[[], Coroutine[None, None, None]], group: str) -> None:
        """Have a worker do it; what is made for one that never begins would be left over."""
        _: Worker[None] = self.run_worker(work, group=group, exclusive=group == "services")

    async def _look(self) -> None:
        if self._looking.locked():
            return  # the agent is slow: one question at a time
        async with self._looking:
            try:
                answer = await asyncio.to_thread(self._source.live, self._after)
            except PgwardError as error:
                answer = None
                self._after = 0  # the next agent counts from the beginning
                self._names_at = 0.0
                trouble = _told(error)
            else:
                trouble = ""
        with contextlib.suppress(NoMatches):  # the screen was closed while the agent answered
            self.query_one("#agent", Static).update(trouble)
            if answer is not None:
                self._tell(answer["events"])
                self._show(self._meter.picture(answer, self._names, time.monotonic()))

    async def _look_at_services(self) -> None:
        try:
            services = await asyncio.to_thread(self._source.services)
        except PgwardError:
            self._names_at = time.monotonic() + LOOK_SECONDS * 5  # a login may be missing
            return
        self._names = [str(each["name"]) for each in services]

    def _tell(self, events: Sequence[dict[str, Any]]) -> None:
        log = self.query_one("#events", RichLog)
        for event in events:
            self._after = int(event["number"])
            log.write(Text(clean(f"{event['at']} {event['text']}")))

    def _show(self, figures: Figures) -> None:
        self.query_one("#clocks", Static).update(Text(clean(words.clocks(figures.clocks))))
        services = [(each.name, words.service(each)) for each in figures.services]
        _fill(self.query_one("#services", DataTable), services)
        connections = [(str(c.number), words.connection(c)) for c in figures.connections]
        _fill(self.query_one("#connections", DataTable), connections)

    # --- keys -------------------------------------------------------------------------

    def action_connect(self) -> None:
        """Open a tunnel to the service that is chosen."""
        self._do(lambda service: f"{service} is at {self._source.connect(service)}")

    def action_disconnect(self) -> None:
        """Close the tunnel that is chosen."""

        def disconnect(service: str) -> str:
            self._source.disconnect(service)
            return f"{service} is disconnected"

        self._do(disconnect)

    def _do(self, action: Callable[[str], str]) -> None:
        table: Table = self.query_one("#services", DataTable)
        if not table.row_count:
            return
        service = str(table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value)
        self._begin(functools.partial(self._act, action, service), "act")

    async def _act(self, action: Callable[[str], str], service: str) -> None:
        try:
            said = await asyncio.to_thread(action, service)
        except PgwardError as error:
            self.notify(_told(error), severity="error", markup=False)
            return
        self.notify(clean(said), markup=False)
        await self._look()


def _table(name: str, titles: Sequence[str]) -> Table:
    table: Table = DataTable(id=name, cursor_type="row", zebra_stripes=True)
    for title in titles:
        table.add_column(title, key=title)
    return table


def _fill(table: Table, rows: Sequence[tuple[str, tuple[str, ...]]]) -> None:
    """Show these rows, by their keys, and leave the cursor where it is."""
    wanted = {key for key, _ in rows}
    for key in [str(each.value) for each in table.rows]:
        if key not in wanted:
            table.remove_row(key)
    there = {str(each.value) for each in table.rows}
    titles = [str(each.value) for each in table.columns]
    for key, cells in rows:
        texts = [Text(clean(cell)) for cell in cells]
        if key not in there:
            table.add_row(*texts, key=key)
            continue
        for title, text in zip(titles, texts, strict=True):
            if table.get_cell(key, title) != text:
                table.update_cell(key, title, text, update_width=True)


def _told(error: PgwardError) -> str:
    text = f"{error.message}; {error.hint}" if error.hint else error.message
    return clean(text)
