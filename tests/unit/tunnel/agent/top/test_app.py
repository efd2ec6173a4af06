import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from textual.widgets import DataTable, RichLog, Static

from pgward.core.errors import NotFoundError
from pgward.tunnel.agent.client import AgentAwayError
from pgward.tunnel.agent.top import app as module
from pgward.tunnel.agent.top.app import TopApp

NOW = "2026-11-21T08:00:00Z"
LOGIN = {
    "logged_in": True,
    "user": "alice",
    "session_expires_at": "2026-11-21T20:00:00Z",
    "certificate_expires_at": "2026-11-21T09:00:00Z",
    "problem": None,
}


@dataclass
class FakeAgent:
    """An agent that a test can end."""

    open: set[str] = field(default_factory=set)
    connections: list[dict[str, Any]] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    away: bool = False
    asked: list[str] = field(default_factory=list)
    closed: bool = False

    def live(self, after: int) -> dict[str, Any]:
        if self.away:
            raise AgentAwayError
        rows = [
            {"service": name, "address": "127.0.0.1:1", "active": 0, "total": 3, "ready_links": 1}
            for name in sorted(self.open)
        ]
        events = [{"number": n, "at": NOW, "text": t} for n, t in enumerate(self.events, 1)]
        return {
            "now": NOW,
            "login": LOGIN,
            "tunnels": rows,
            "connections": self.connections,
            "events": [each for each in events if each["number"] > after],
        }

    def services(self) -> list[dict[str, Any]]:
        if self.away:
            raise AgentAwayError
        return [{"name": "orders"}, {"name": "stock"}]

    def connect(self, service: str) -> str:
        self.asked.append(f"connect {service}")
        if service == "stock":
            raise NotFoundError("[b]no[/b] edge leads to this service", hint="pgward edges")
        self.open.add(service)
        return "127.0.0.1:1"

    def disconnect(self, service: str) -> None:
        self.asked.append(f"disconnect {service}")
        self.open.discard(service)

    def close(self) -> None:
        self.closed = True


def cells(app: TopApp, table: str) -> list[list[str]]:
    found = app.query_one(f"#{table}", DataTable)
    return [[str(cell) for cell in found.get_row(key)] for key in found.rows]


async def shows(pilot, condition) -> None:
    """Wait until the screen is as expected."""
    async with asyncio.timeout(20):
        while not condition():
            await pilot.pause(0.02)


@pytest.fixture
def watch(monkeypatch):
    """Run a test with the screen of an agent."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)

    def watch(agent: FakeAgent, test) -> None:
        async def main() -> None:
            app = TopApp(agent)
            async with app.run_test(size=(120, 40)) as pilot:
                await test(app, pilot)
            assert agent.closed

        asyncio.run(main())

    return watch


def text(app: TopApp, name: str) -> str:
    return str(app.query_one(f"#{name}", Static).render())


def test_services_connections_clocks_and_events(watch):
    connection = {
        "number": 1,
        "service": "orders",
        "pid": 7,
        "program": "psql[red]",
        "seconds": 61.0,
        "up": 10,
        "down": 2000,
    }
    agent = FakeAgent({"orders"}, [connection], ["somebody is\x1b[2J logged in"])

    async def test(app, pilot) -> None:
        await shows(pilot, lambda: len(cells(app, "services")) == 2)
        assert [row[:5] for row in cells(app, "services")] == [
            ["orders", "open", "127.0.0.1:1", "0", "3"],
            ["stock", "closed", "", "", ""],
        ]
        assert cells(app, "connections")[0][:5] == [
            *("orders", "psql[red] (7)", "1 min", "10 B", "2.0 kB")
        ]
        assert text(app, "clocks") == (
            "alice: the login ends in 12 hours, the certificate ends in 1 hour"
        )
        log = app.query_one("#events", RichLog)
        await shows(pilot, lambda: log.lines)
        assert [line.text.rstrip() for line in log.lines] == [
            f"{NOW} somebody is\\x1b[2J logged in"
        ]
        agent.connections.clear()
        await shows(pilot, lambda: not cells(app, "connections"))
        await pilot.press("q")

    watch(agent, test)


def test_connecting_and_disconnecting_with_a_key(watch, monkeypatch):
    agent = FakeAgent()

    async def test(app, pilot) -> None:
        said: list[str] = []
        monkeypatch.setattr(app, "notify", lambda message, **_options: said.append(message))
        await shows(pilot, lambda: len(cells(app, "services")) == 2)
        await pilot.press("c")
        await shows(pilot, lambda: cells(app, "services")[0][1] == "open")
        await pilot.press("d")
        await shows(pilot, lambda: cells(app, "services")[0][1] == "closed")
        await pilot.press("down", "c")
        await shows(pilot, lambda: len(agent.asked) == 3)
        assert agent.asked == ["connect orders", "disconnect orders", "connect stock"]
        await shows(pilot, lambda: len(said) == 3)
        assert said == [
            "orders is at 127.0.0.1:1",
            "orders is disconnected",
            "[b]no[/b] edge leads to this service; pgward edges",
        ]

    watch(agent, test)


def test_it_outlives_the_agent(watch):
    agent = FakeAgent({"orders"}, events=["one"])

    async def test(app, pilot) -> None:
        await shows(pilot, lambda: cells(app, "services"))
        agent.away = True
        await shows(pilot, lambda: text(app, "agent") == "no agent runs; pgward agent start")
        assert cells(app, "services")[0][0] == "orders"  # what was known stays to be read
        await pilot.press("c")
        agent.away = False
        await shows(pilot, lambda: text(app, "agent") == "")

    watch(agent, test)


def test_with_nothing_to_choose_a_key_does_nothing(watch):
    agent = FakeAgent(away=True)

    async def test(app, pilot) -> None:
        await shows(pilot, lambda: "no agent runs" in text(app, "agent"))
        await pilot.press("c", "d")
        assert agent.asked == []

    watch(agent, test)
