import asyncio
import json
import os
import socket
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest

from pgward.core.errors import ConflictError, LoginNeededError, NotFoundError, UnavailableError
from pgward.system.process import ProcessId
from pgward.tunnel.agent import installed, memory
from pgward.tunnel.agent import keeper as module
from pgward.tunnel.agent.keeper import Keeper
from pgward.tunnel.agent.memory import Wanted
from pgward.tunnel.local.registry import Registry, Running, ask
from pgward.tunnel.local.renewal import Renewal
from pgward.tunnel.preface import Reason, RefusedError
from tests.fixtures.edge_process import quiet_port
from tests.fixtures.tunnel_world import World, until, world


@dataclass
class FakeDesk:
    session: object
    renewal: Renewal
    problem: Exception | None = None

    def required(self):
        if self.problem is not None:
            raise self.problem
        return self.session, self.renewal


@dataclass
class Kept:
    """A keeper with a login and an edge."""

    world: World
    desk: FakeDesk
    keeper: Keeper
    registry: Registry
    home: object
    told: list[str] = field(default_factory=list)
    cut: list[tuple[str, str]] = field(default_factory=list)

    async def answers(self, running: Running) -> bool:
        """Tell whether a client gets through."""
        loop = asyncio.get_running_loop()
        reader, writer = await asyncio.open_connection(running.host, running.port)
        writer.write(b"query")
        count = len(self.world.databases)
        await until(lambda: len(self.world.databases) > count)
        await loop.sock_sendall(self.world.databases[-1], b"answer")
        received = await reader.readexactly(6)
        writer.close()
        self.world.databases[-1].close()
        return received == b"answer"


@pytest.fixture
def kept(contexts, tls_keys, tmp_path):
    @asynccontextmanager
    async def make():
        async with world(contexts, tls_keys, preflight=False) as made:
            made.session.user = SimpleNamespace(name="alice")
            service = made.tunnel.service
            made.session.known = [service, replace(service, name="stock")]
            services = made.links.state.services
            services["stock"] = replace(services["orders"], name="stock")
            loop = asyncio.get_running_loop()
            clock = made.tunnel.clock
            home = tmp_path / "home"
            home.mkdir(exist_ok=True)
            told, cut = [], []
            desk = FakeDesk(made.session, Renewal(made.session, clock, loop, told.append))
            keeper = Keeper(
                home,
                desk,
                clock,
                loop,
                tell=told.append,
                on_cut=lambda *words: cut.append(words),
            )
            try:
                yield Kept(made, desk, keeper, Registry(home), home, told, cut)
            finally:
                pools = [held.tunnel.pool for held in keeper.held.values()]
                keeper.stop()
                await until(lambda: not any(pool._dials for pool in pools))

    return make


def test_a_tunnel_is_opened_once_known_to_others_and_remembered(run, kept):
    async def main() -> None:
        async with kept() as made:
            opened = await made.keeper.open("orders", quiet_port())
            again = await made.keeper.open("orders")
            assert (opened.new, again.new, again.running) == (True, False, opened.running)
            assert await made.answers(opened.running)
            known = made.registry.get("orders")
            assert (known, known.agent) == (opened.running, True)
            said = await asyncio.to_thread(ask, made.registry.control_path("orders"))
            assert said["total"] == 1
            assert memory.load(made.home) == [Wanted("orders")]
            [row] = made.keeper.describe()
            assert (row["service"], row["address"]) == ("orders", opened.running.address)
            made.keeper.close("orders")
            assert (made.registry.get("orders"), memory.load(made.home)) == (None, [])
            with pytest.raises(NotFoundError, match="orders is not connected"):
                made.keeper.close("orders")

    run(main())


def test_two_who_ask_at_once_get_the_same(run, kept):
    async def main() -> None:
        async with kept() as made:
            port = quiet_port()
            first, second = await asyncio.gather(
                made.keeper.open("orders", port), made.keeper.open("orders", port)
            )
            assert first.running == second.running
            assert {first.new, second.new} == {True, False}

    run(main())


def test_what_is_open_elsewhere_is_told(run, kept):
    async def main() -> None:
        async with kept() as made:
            me = ProcessId.of(os.getpid())
            made.registry.add(Running("orders", me.pid, me.started, "127.0.0.1", 15432, ""))
            with pytest.raises(ConflictError, match="by a process of its own"):
                await made.keeper.open("orders")
            made.registry.remove("orders")
            opened = await made.keeper.open("orders", quiet_port())
            for wanted in ({"port": opened.running.port + 1}, {"unix": True}):
                with pytest.raises(ConflictError, match="orders is connected already, at"):
                    await made.keeper.open("orders", **wanted)

    run(main())


@pytest.mark.parametrize("error", [NotFoundError, LoginNeededError, UnavailableError])
def test_what_cannot_be_opened_leaves_nothing(run, kept, error):
    async def main() -> None:
        async with kept() as made:
            if error is NotFoundError:
                made.world.session.known = []
            elif error is LoginNeededError:
                made.desk.problem = LoginNeededError()
            else:
                service = replace(made.world.tunnel.service, edges=())
                made.world.session.known = [service]
            with pytest.raises(error):
                await made.keeper.open("orders", quiet_port())
            assert (made.keeper.held, made.registry.all()) == ({}, [])
            assert made.desk.renewal.members == []
            assert memory.load(made.home) == []

    run(main())


def test_only_so_many(run, kept, monkeypatch):
    monkeypatch.setattr(module, "MOST_TUNNELS", 0)

    async def main() -> None:
        async with kept() as made:
            with pytest.raises(ConflictError, match="the agent holds 0 tunnels"):
                await made.keeper.open("orders")

    run(main())


def test_they_are_opened_again_even_while_the_edge_is_away(run, kept):
    async def main() -> None:
        async with kept() as made:
            opened = await made.keeper.open("orders", quiet_port())
            made.keeper.stop()
            assert made.registry.all() == []
            made.keeper.recall()
            await made.keeper.reopen()
            assert made.keeper.waiting == {}
            assert made.registry.get("orders").port == opened.running.port
            assert await made.answers(opened.running)

    run(main())


def test_what_cannot_be_opened_again_waits_and_says_why(run, kept, caplog):
    async def main() -> None:
        async with kept() as made:
            memory.save(made.home, [Wanted("orders")])
            made.keeper.recall()
            made.world.session.known = UnavailableError("the CA is away")
            await made.keeper.reopen()
            await made.keeper.reopen()
            assert caplog.text.count("orders is not open yet: the CA is away") == 1
            [row] = made.keeper.describe()
            assert (row["address"], row["problem"]) == (None, "the CA is away")
            made.world.session.known = [made.world.tunnel.service]
            await made.keeper.reopen()
            assert made.keeper.waiting == {}
            assert list(made.keeper.held) == ["orders"]

    run(main())


def test_one_that_waits_can_be_closed(run, kept):
    async def main() -> None:
        async with kept() as made:
            memory.save(made.home, [Wanted("orders"), Wanted("stock")])
            made.keeper.recall()
            made.keeper.close("orders")
            assert memory.load(made.home) == [Wanted("stock")]
            assert made.keeper.close_all() == ["stock"]
            assert memory.load(made.home) == []

    run(main())


def test_one_that_psql_opened_meanwhile_is_the_one_that_was_waited_for(run, kept, caplog):
    async def main() -> None:
        async with kept() as made:
            memory.save(made.home, [Wanted("orders")])
            made.keeper.recall()
            opened = await made.keeper.open("orders", keep=False)
            await made.keeper.reopen()
            assert (made.keeper.waiting, opened.held.kept) == ({}, True)
            assert "by a process of its own" not in caplog.text

    run(main())


def test_one_that_is_closed_while_it_is_opened_again_stays_closed(run, kept, monkeypatch):
    async def main() -> None:
        async with kept() as made:
            memory.save(made.home, [Wanted("orders")])
            made.keeper.recall()
            look_up, asked, go_on = module.Catalog.look_up, threading.Event(), threading.Event()

            def slow(catalog, name):
                asked.set()
                assert go_on.wait(10)
                return look_up(catalog, name)

            monkeypatch.setattr(module.Catalog, "look_up", slow)
            opening = asyncio.create_task(made.keeper.reopen())
            await asyncio.to_thread(asked.wait, 10)
            made.keeper.close("orders")
            go_on.set()
            await opening
            assert (made.keeper.held, made.registry.all()) == ({}, [])

    run(main())


def put_into_file(made, *names):
    """Do as `pgward config install` does."""
    path = made.home / "pg_service.conf"
    path.touch()
    installed.record(made.home, path, names)


def test_what_service_files_need_is_opened_at_its_port_and_let_go_with_its_section(run, kept):
    async def main() -> None:
        async with kept() as made:
            port = quiet_port()
            made.registry.remember_port("orders", port)
            put_into_file(made, "orders", "stock")
            made.keeper.recall()
            await made.keeper.reopen()
            assert made.registry.get("orders").port == port
            assert [row["kept"] for row in made.keeper.describe()] == [True, True]
            assert memory.load(made.home) == []
            assert not made.keeper.look_at_installed()
            await made.keeper.open("stock")  # by name: that lasts
            put_into_file(made)
            made.keeper.look_at_installed()
            assert (list(made.keeper.held), made.keeper.waiting) == (["stock"], {})
            assert memory.load(made.home) == [Wanted("stock")]

    run(main())


def test_what_a_service_file_needs_waits_for_its_port_and_takes_no_other(run, kept):
    async def main() -> None:
        async with kept() as made:
            with socket.create_server(("127.0.0.1", 0)) as other:
                port = other.getsockname()[1]
                made.registry.remember_port("orders", port)
                put_into_file(made, "orders")
                made.keeper.recall()
                await made.keeper.reopen()
                (row,) = made.keeper.describe()
                assert (row["address"], made.keeper.held) == (None, {})
                assert f"port {port} is taken by" in row["problem"]
            await made.keeper.reopen()
            assert made.registry.get("orders").port == port

    run(main())


def test_what_a_service_file_needs_later_is_opened_by_an_agent_that_runs(run, kept):
    async def main() -> None:
        async with kept() as made:
            made.keeper.recall()
            await made.keeper.open("orders", keep=False)
            put_into_file(made, "orders", "stock")
            assert made.keeper.look_at_installed()
            assert list(made.keeper.waiting) == ["stock"]
            assert made.keeper.held["orders"].kept
            await made.keeper.open("stock", for_file=True)
            assert (made.keeper.waiting, memory.load(made.home)) == ({}, [])

    run(main())


def test_a_tunnel_in_use_outlives_its_section(run, kept):
    async def main() -> None:
        async with kept() as made:
            put_into_file(made, "orders", "stock")
            made.keeper.recall()
            await made.keeper._open_again(Wanted("orders", installed=True))
            counters = made.keeper.held["orders"].tunnel.counters
            counters.active = 1
            put_into_file(made)
            assert not made.keeper.look_at_installed()
            assert made.keeper.waiting == {}
            assert made.keeper.held["orders"].kept is False
            counters.active = 0

    run(main())


def test_what_is_not_for_this_person_makes_no_noise_until_the_next_login(run, kept, caplog):
    async def main() -> None:
        async with kept() as made:
            put_into_file(made, "orders")
            service, made.world.session.known = made.world.session.known[0], []
            made.keeper.recall()
            await made.keeper.reopen()
            assert made.keeper.describe() == []
            assert [each for each in caplog.records if each.levelname == "WARNING"] == []
            made.world.session.known = [service]
            made.keeper.look_for_absent()
            await made.keeper.reopen()
            assert list(made.keeper.held) == ["orders"]

    run(main())


def test_an_unreadable_record_lets_nothing_go(run, kept, monkeypatch, caplog):
    def unreadable(_home):
        raise module.StorageError("cannot read installed.json: it is damaged")

    async def main() -> None:
        async with kept() as made:
            put_into_file(made, "orders")
            made.keeper.recall()
            put_into_file(made, "stock")
            monkeypatch.setattr(installed, "load", unreadable)
            assert not made.keeper.look_at_installed()
            assert list(made.keeper.waiting) == ["orders"]
            assert "what service files need is unknown" in caplog.text

    run(main())


def test_one_for_psql_goes_when_nobody_came_for_long(run, kept, monkeypatch):
    async def main() -> None:
        async with kept() as made:
            opened = await made.keeper.open("orders", keep=False)
            await made.keeper.open("stock")
            assert memory.load(made.home) == [Wanted("stock")]
            made.keeper.close_unused()
            assert set(made.keeper.held) == {"orders", "stock"}
            monkeypatch.setattr(module, "UNUSED_SECONDS", 0.0)
            assert await made.answers(opened.running)
            made.keeper.close_unused()
            assert set(made.keeper.held) == {"orders", "stock"}  # somebody came since
            await until(lambda: not opened.held.tunnel.counters.active)
            made.keeper.close_unused()
            assert set(made.keeper.held) == {"stock"}

    run(main())


def test_a_full_disk_is_said_and_the_tunnel_open(run, kept, monkeypatch):
    def full(*_words):
        raise module.StorageError("cannot write tunnels.json: no space left on device")

    monkeypatch.setattr(memory, "save", full)

    async def main() -> None:
        async with kept() as made:
            monkeypatch.setattr(Registry, "add", full)
            opened = await made.keeper.open("orders", quiet_port())
            hidden, said = opened.said
            assert hidden.endswith("no space left on device; pgward status does not show it")
            assert said.startswith("cannot write tunnels.json: no space left on device; it is not")
            assert await made.answers(opened.running)

    run(main())


def test_after_another_login_services_are_looked_up_anew(run, kept):
    async def main() -> None:
        async with kept() as made:
            await made.keeper.relogin()  # with nothing open there is nothing to do
            await made.keeper.open("orders", quiet_port())
            await made.keeper.open("stock")
            other = replace(made.world.tunnel.service, database="other")
            made.world.session.known = [other]
            made.world.session.user.name = "bob"
            await made.keeper.relogin()
            assert made.keeper.held["orders"].tunnel.service == other
            assert "user=bob dbname=other" in made.registry.get("orders").conninfo
            row = made.keeper.describe()[1]
            assert row["problem"] == "there is no service 'stock' for you"
            made.world.session.known = UnavailableError("away")
            await made.keeper.relogin()
            assert made.keeper.held["orders"].tunnel.service == other

    run(main())


def test_what_may_be_connected_to_is_known_while_the_ca_is_away(run, kept):
    async def main() -> None:
        async with kept() as made:
            expected = [{"name": "orders", "description": ""}, {"name": "stock", "description": ""}]
            assert await made.keeper.services() == expected
            made.world.session.known = UnavailableError("the CA is away")
            assert await made.keeper.services() == expected

    run(main())


def test_libpqs_variables_need_a_login(run, kept):
    async def main() -> None:
        async with kept() as made:
            opened = await made.keeper.open("orders", quiet_port())
            environment = made.keeper.environment(opened.held)
            assert environment["PGPORT"] == str(opened.running.port)
            assert json.dumps(environment)
            made.desk.problem = LoginNeededError()
            with pytest.raises(LoginNeededError):
                made.keeper.environment(opened.held)

    run(main())


@pytest.mark.parametrize(
    ("reason", "counts"),
    [(Reason.BLOCKED, True), (Reason.REVOKED, True), (Reason.DENIED, False)],
)
def test_an_edge_may_refuse_a_person_or_only_a_service(run, kept, reason, counts):
    async def main() -> None:
        async with kept() as made:
            opened = await made.keeper.open("orders", quiet_port())
            assert made.keeper.refusal() is None
            refused = RefusedError(reason)
            opened.held.tunnel.pool.refusal = refused
            assert made.keeper.refusal() is (refused if counts else None)

    run(main())


def test_what_an_edge_ends_is_heard_with_its_service(run, kept):
    async def main() -> None:
        async with kept() as made:
            opened = await made.keeper.open("orders", quiet_port())
            opened.held.tunnel.on_cut("you are blocked")
            assert made.cut == [("orders", "you are blocked")]

    run(main())
