import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from pgward.ca.service.changes import Changes
from pgward.core.errors import ConflictError, NotFoundError, UnavailableError
from pgward.portal.sql import editors as module
from pgward.portal.sql.editor import Wanted
from pgward.portal.sql.editors import Editors, client_of
from tests.fixtures.ca_service import Api, Device
from tests.fixtures.edge_services import aware, declare
from tests.fixtures.fake_door import FakeDoor, session
from tests.fixtures.fake_link import BEGUN, READY, SUSPENDED, FakeLink, answer, rows


def in_world(
    store: Any, clock: Any, monkeypatch: Any, main: Any, *, over: tuple[str, ...] = ()
) -> None:
    """Run with editors of a store, of which those are over that ``over`` names by session."""

    async def whole() -> None:
        changes = Changes(store, every=60)
        context = SimpleNamespace(changes=changes, store=store, now=clock.now)
        made = Editors(context)
        if over is not None:
            monkeypatch.setattr(
                Editors,
                "_over",
                lambda _self, each: [
                    (e, "the sign-in has ended") for e in each if e.session_id in over
                ],
            )
        async with changes.watching():
            await main(made, changes)
        await made.close_all()

    asyncio.run(whole())


@pytest.fixture
def world(store, clock, monkeypatch):
    def run(main: Any, **options: Any) -> None:
        in_world(store, clock, monkeypatch, main, **options)

    return run


def opened(made: Editors, *links: FakeLink, **who: str) -> Any:
    found = made.open(session(**who), "orders", Wanted())
    found.door = FakeDoor([*links], session(**who))
    return found


def test_an_editor_is_its_login_sessions(world):
    async def main(made: Editors, _changes: Changes) -> None:
        found = opened(made)
        assert made.find(session(), "orders", found.id) is found
        assert made.all_of(session()) == [found]
        for other, service in (
            (session(session_id="s2"), "orders"),
            (session("bob", "s3"), "orders"),
            (session(), "stock"),
        ):
            with pytest.raises(NotFoundError, match="not here any more"):
                made.find(other, service, found.id)
        assert made.all_of(session("bob", "s3")) == []
        await made.close(found)
        with pytest.raises(NotFoundError):
            made.find(session(), "orders", found.id)
        await made.close(found)

    world(main)


def test_there_are_so_many_and_no_more(world, monkeypatch):
    async def main(made: Editors, _changes: Changes) -> None:
        for number in range(3):
            opened(made, session_id=f"s{number}")
        with pytest.raises(ConflictError, match="you have 3 editors open"):
            opened(made)
        monkeypatch.setattr(module, "MOST", 4)
        opened(made, user="bob")
        with pytest.raises(UnavailableError, match="too many"):
            opened(made, user="carol")

    world(main)


async def until(what: Any) -> None:
    async with asyncio.timeout(5):
        while not what():  # noqa: ASYNC110 - the watch has no event for it
            await asyncio.sleep(0.01)


def test_so_many_files_are_made_at_once(world, monkeypatch):
    monkeypatch.setattr(module, "MOST_FILES", 1)

    async def tell(_made: Any) -> None:
        pass

    async def main(made: Editors, _changes: Changes) -> None:
        found = opened(made, FakeLink(BEGUN))  # which never answers
        made.check_room()
        found.export("select 1", tell)
        with pytest.raises(UnavailableError, match="too many files"):
            made.check_room()
        found.abandon()
        await asyncio.wait({found.task})
        made.check_room()

    world(main)


def test_an_editor_ends_with_its_sign_in(world, store):
    async def main(made: Editors, _changes: Changes) -> None:
        link = FakeLink(answer(1), READY)
        ended, stays = opened(made, link, session_id="gone"), opened(made)
        await ended.run("select 1")
        with store.write() as transaction:
            transaction.changed()
        await until(lambda: made.all_of(session(session_id="gone")) == [])
        assert link.is_closed
        assert (ended.lost, made.all_of(session())) == ("the sign-in has ended", [stays])

    world(main, over=("gone",))


def test_what_is_idle_is_ended_and_at_last_forgotten(world):
    async def main(made: Editors, _changes: Changes) -> None:
        found = opened(made, FakeLink(BEGUN + rows(1) + SUSPENDED, READY))
        await found.run("select 1")
        await made._rest(found, found.held + 59)
        assert found.answers[0].more
        await made._rest(found, found.held + 61)
        await found.task
        assert found.answers[0].let_go.startswith("the rows behind these")
        await made._rest(found, found.used + 299)
        assert found.is_connected
        await made._rest(found, found.used + 301)
        assert (found.is_connected, "five minutes" in found.lost) == (False, True)
        await made._rest(found, found.used + 1799)
        assert made.all_of(session()) == [found]
        await made._rest(found, found.used + 1801)
        assert made.all_of(session()) == []

    world(main)


def test_what_runs_is_not_idle(world):
    async def main(made: Editors, _changes: Changes) -> None:
        found = opened(made, FakeLink(BEGUN))
        found.run("select 1")
        await asyncio.sleep(0.01)
        await made._rest(found, found.used + 10_000)
        assert found.is_connected

    world(main)


def test_when_the_server_stops_all_are_closed(world):
    async def main(made: Editors, changes: Changes) -> None:
        link = FakeLink(answer(1), READY)
        found = opened(made, link)
        await found.run("select 1")
        changes.close()
        await until(lambda: link.is_closed)
        assert made.all_of(session()) == []

    world(main)


def test_a_store_that_is_away_ends_nobodys(world, monkeypatch, caplog):
    async def main(made: Editors, _changes: Changes) -> None:
        def away(*_: Any) -> Any:
            raise UnavailableError("the store is away")

        monkeypatch.setattr(Editors, "_over", away)
        found = opened(made)
        await until(lambda: "cannot be read: the store is away" in caplog.text)
        assert made.all_of(session()) == [found]

    world(main)


def test_who_may_go_on(api: Api, admin: Device, alice: Device):
    assert alice.token is not None
    declare(admin, aware(), webClient={"export": True})
    declare(admin, aware("stock"))
    context = api.client.app.state.context
    found = Editors(context)
    with api.store.read() as connection:
        alive = connection.exec_driver_sql(
            "SELECT id FROM login_sessions WHERE user_name = 'alice'"
        ).scalar_one()
        offered = client_of(connection, "orders")
        assert offered is not None
        assert offered.export
        assert client_of(connection, "stock") is None
        assert client_of(connection, "nowhere") is None
    each = [
        SimpleNamespace(session_id=session_id, service=service)
        for session_id, service in ((alive, "orders"), ("other", "orders"), (alive, "stock"))
    ]
    assert [(editor.service, why) for editor, why in found._over(tuple(each))] == [
        ("orders", "the sign-in has ended"),
        ("stock", "the service takes no browsers any more"),
    ]
