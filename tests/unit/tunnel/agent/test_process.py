import asyncio
import json
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace

import pytest

from pgward.client.home import Home
from pgward.client.login import installing
from pgward.core.errors import ConflictError, LoginNeededError, NotFoundError, PgwardError
from pgward.system.files import StorageError
from pgward.tunnel.agent import client, process
from pgward.tunnel.agent.memory import Wanted
from pgward.tunnel.agent.notices import Notice
from pgward.tunnel.agent.process import Agent, addresses, pid_path
from tests.fixtures.fake_ca import error
from tests.fixtures.tunnel_world import until


@dataclass
class FakeNotifier:
    told: list[Notice] = field(default_factory=list)

    def tell(self, notice: Notice) -> bool:
        self.told.append(notice)
        return True


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "home")
    made.prepare()
    return made


@pytest.fixture
def log_in(fake_ca, home):
    fake_ca.routes["GET /v1/services"] = {"services": []}

    def log_in() -> None:
        installing.with_password(
            home, fake_ca.trust, "alice", "right", fake_ca.clock
        ).session.close()

    return log_in


@pytest.fixture
def agent(home, fake_ca, monkeypatch):
    monkeypatch.setattr(process, "WATCH_SECONDS", 0.01)

    @asynccontextmanager
    async def agent():
        notifier = FakeNotifier()
        made = Agent(home.directory, notifier, clock=fake_ca.clock)
        ready = asyncio.Event()
        running = asyncio.ensure_future(made.run(ready.set))
        await asyncio.wait(
            {running, asyncio.ensure_future(ready.wait())}, return_when=asyncio.FIRST_COMPLETED
        )
        try:
            yield made, notifier
        finally:
            made.stop.set()
            await running

    return agent


async def ask(home, op, **fields):
    return await asyncio.to_thread(client.ask, home.directory, op, **fields)


def test_it_answers_until_it_is_told_to_stop(run, home, agent):
    async def main() -> None:
        async with agent():
            answer = await ask(home, "ping")
            assert json.loads(pid_path(home.directory).read_text())["pid"] == answer["pid"]
            assert (await ask(home, "status"))["tunnels"] == []
            with pytest.raises(LoginNeededError):
                await ask(home, "connect", service="orders")
            with pytest.raises(PgwardError, match="does not know that request"):
                await ask(home, "sing")
            assert (await ask(home, "stop"))["pid"] == answer["pid"]
        assert client.running(home.directory) is None
        assert not pid_path(home.directory).exists()

    run(main())


def test_there_is_one_for_each_home(run, home, agent):
    async def main() -> None:
        async with agent():
            with pytest.raises(ConflictError, match="an agent runs already"):
                await Agent(home.directory, FakeNotifier()).run(lambda: None)
            assert await ask(home, "ping")  # the first one's socket is still its own

    run(main())


def test_logins_are_noticed_and_their_end_is_told_once(run, home, agent, log_in, fake_ca):
    async def main() -> None:
        async with agent() as (made, notifier):
            log_in()
            await until(lambda: made.desk.alive)
            await until(lambda: made._notices._login is not None)
            fake_ca.clock.advance(hours=11, minutes=50)
            await until(lambda: notifier.told)
            fake_ca.clock.advance(hours=1)
            await until(lambda: len(notifier.told) == 2)
            assert [notice.title for notice in notifier.told] == [
                "pgward: your login ends soon",
                "pgward: your login has ended",
            ]
            live = await ask(home, "live")
            texts = [event["text"] for event in live["events"]]
            assert texts[0] == "logged in as alice"
            assert "your login has ended: pgward login" in texts
            last = live["events"][-1]["number"]
            later = (await ask(home, "live", after=last))["events"]
            assert all(event["number"] > last for event in later)

    run(main())


def test_a_login_is_no_warning(run, agent, log_in, caplog):
    caplog.set_level("INFO", "pgward")

    async def main() -> None:
        log_in()
        async with agent():
            expected = ("pgward.agent", logging.INFO, "logged in as alice")
            assert expected in caplog.record_tuples

    run(main())


def test_what_an_edge_ends_is_told(run, agent):
    async def main() -> None:
        async with agent() as (made, notifier):
            made._cut("orders", "you are blocked")
            made._cut("orders", "you are blocked")
            await until(lambda: notifier.told)
            assert [notice.body for notice in notifier.told] == [
                "a connection was ended: you are blocked"
            ]

    run(main())


def test_a_person_who_is_blocked_hears_of_it_once(run, home, agent, log_in, fake_ca):
    async def main() -> None:
        log_in()
        async with agent() as (made, notifier):
            gone = error("login_needed", "your login session has ended")
            fake_ca.routes["GET /v1/services"] = gone
            for service in ("orders", "stock"):
                made._cut(service, "your account is blocked")
            await until(lambda: not made._tasks and notifier.told)
            await made._look()
            [notice] = notifier.told
            assert notice.body == "a connection was ended: your account is blocked"
            login = (await ask(home, "status"))["login"]
            assert (login["logged_in"], login["problem"]) == (True, "your account is blocked")

    run(main())


def test_a_login_that_was_ended_elsewhere_is_told_after_somebody_asked(
    run, home, agent, log_in, fake_ca
):
    async def main() -> None:
        log_in()
        async with agent() as (_made, notifier):
            gone = error("login_needed", "your login session has ended")
            fake_ca.routes["GET /v1/services"] = gone
            assert (await ask(home, "status"))["login"]["problem"] is None
            login = (await ask(home, "status", check=True))["login"]
            assert login["problem"] == "your login session has ended"
            await until(lambda: notifier.told)
            [notice] = notifier.told
            assert notice.title == "pgward: your login counts no more"
            assert notice.body == "your login session has ended: pgward login"

    run(main())


def test_requests_go_to_the_keeper(run, home, agent, log_in):
    async def main() -> None:
        log_in()
        async with agent() as (made, _notifier):
            for op in ("connect", "psql"):
                with pytest.raises(NotFoundError, match="there is no service 'orders' for you"):
                    await ask(home, op, service="orders")
            with pytest.raises(NotFoundError, match="orders is not connected"):
                await ask(home, "disconnect", service="orders")
            made.keeper.waiting["orders"] = (Wanted("orders"), "not yet")
            assert await ask(home, "disconnect", all=True) == {"closed": ["orders"]}
            assert (await ask(home, "live"))["connections"] == []
            assert await ask(home, "services") == {"services": []}

    run(main())


@dataclass
class AskingTunnel:
    """One that hears from its CA after some seconds what the service is now."""

    seconds: float
    says: bool
    service: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(name="orders", step_up=None)
    )

    async def look_up(self, _pause):
        await asyncio.sleep(self.seconds)
        return self.says


def test_who_comes_by_a_grant_is_told_its_end_each_time(run, home, agent, monkeypatch):
    tunnel = AskingTunnel(0.0, says=True)
    tunnel.service.told = lambda now: [f"it ends in an hour, says {now:%Y}"]
    tunnel.trouble = list
    opened = SimpleNamespace(held=SimpleNamespace(tunnel=tunnel), said=("a",), new=True)

    async def main() -> None:
        async with agent() as (made, _notifier):
            monkeypatch.setattr(made.keeper, "open", lambda *_, **__: done(opened))
            monkeypatch.setattr(made.keeper, "environment", lambda _held: {})
            monkeypatch.setattr(process, "asdict", lambda _running: {})
            opened.running = None
            for op in ("connect", "psql"):
                answer = await ask(home, op, service="orders")
                assert answer["said"] == ["a", "it ends in an hour, says 2026"]

    run(main())


async def done(value):
    return value


def test_psql_waits_for_a_slow_ca_to_say_what_a_service_asks_for_now(run, agent):
    async def main() -> None:
        async with agent() as (made, _notifier):
            assert await made._seen_by_ca(AskingTunnel(0.3, says=True)) == ()
            assert not made._tasks

    run(main())


def test_while_the_ca_is_away_one_psql_waits_and_says_what_it_does_not_know(
    run, agent, monkeypatch
):
    monkeypatch.setattr(process, "QUICK_SECONDS", 0.01)

    async def main() -> None:
        async with agent() as (made, _notifier):
            known = AskingTunnel(0.0, says=False)
            known.service.step_up = object()  # then psql asks for it anyway
            assert await made._seen_by_ca(known) == ()
            [said] = await made._seen_by_ca(AskingTunnel(0.0, says=False))
            assert said.endswith("by now; if psql waits: pgward step-up orders")
            assert await made._seen_by_ca(AskingTunnel(30.0, says=True)) == ()
            assert await made._seen_by_ca(AskingTunnel(0.0, says=True)) == ()
            assert made._silent_until == 0.0

    run(main())


def test_another_network_has_the_links_made_anew(run, agent, log_in, monkeypatch):
    async def main() -> None:
        log_in()
        async with agent() as (made, _notifier):
            await until(lambda: made.desk.renewal is not None)
            woken = []
            monkeypatch.setattr(
                type(made.desk.renewal), "woke", lambda _renewal: woken.append(True)
            )
            await made._look()
            assert woken == []
            monkeypatch.setattr(process, "addresses", lambda: frozenset({"192.0.2.7"}))
            await until(lambda: woken == [True])

    run(main())


def test_a_full_disk_keeps_no_agent_from_beginning(run, home, agent, monkeypatch, caplog):
    def full(*_words):
        raise StorageError("cannot write agent.pid: no space left on device")

    monkeypatch.setattr(process, "atomic_write", full)

    async def main() -> None:
        async with agent():
            assert await ask(home, "ping")
            assert "no space left on device" in caplog.text

    run(main())


def test_something_that_breaks_ends_nothing(run, home, agent, monkeypatch, caplog):
    async def main() -> None:
        async with agent() as (made, _notifier):
            monkeypatch.setattr(made.keeper, "close_unused", lambda: 1 / 0)
            await until(lambda: "looking after the tunnels broke" in caplog.text)
            assert await ask(home, "ping")

    run(main())


def test_a_notifier_that_breaks_ends_nothing(run, home, agent, caplog):
    async def main() -> None:
        async with agent() as (made, notifier):
            notifier.told = None
            made._cut("orders", "blocked")
            await until(lambda: "something in the background broke" in caplog.text)
            assert await ask(home, "ping")

    run(main())


def test_what_was_open_is_opened_again_after_the_login(run, home, agent, log_in):
    async def main() -> None:
        (home.directory / "tunnels.json").write_text('{"tunnels": [{"service": "orders"}]}')
        async with agent() as (made, _notifier):
            assert made.keeper.describe()[0]["problem"] == "not yet"
            log_in()
            await until(
                lambda: made.keeper.waiting["orders"][1] == "there is no service 'orders' for you"
            )

    run(main())


def test_addresses_of_this_machine_itself_do_not_count():
    assert not [each for each in addresses() if each.startswith("127.")]


def test_a_login_may_be_over_before_it_is_seen(run, agent, log_in, fake_ca):
    async def main() -> None:
        log_in()
        fake_ca.clock.advance(hours=20)
        async with agent() as (made, notifier):
            await made._look()
            assert (made.desk.alive, notifier.told) == (False, [])
            assert made.desk.ends()[1] == fake_ca.clock.now() - timedelta(hours=8)

    run(main())
