"""A dialogue with a link that a test plays: what is asked, and what comes of it."""

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from typing import Any

import pytest

from pgward.core.errors import PgwardError, UnavailableError
from pgward.pgwire import backend
from pgward.portal.sql.dialogue import Answer, Dialogue, EndedError
from pgward.portal.sql.reader import Room
from pgward.portal.sql.splitting import Statement
from pgward.tunnel.preface import Reason, RefusedError
from tests.fixtures.fake_link import BEGUN, READY, SUSPENDED, FakeLink, answer, rows

ONE = Statement("select 1", 0)
FAILED = backend.error("ERROR", "42601", "no")


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


class World:
    """A dialogue over a link; ``cancelled`` are the keys that were used."""

    def __init__(self, *replies: bytes | PgwardError) -> None:
        self.link = FakeLink(*replies)
        self.cancelled: list[tuple[int, bytes]] = []
        self.on_cancel = b""

    async def cancel(self, key: tuple[int, bytes]) -> None:
        self.cancelled.append(key)
        if self.on_cancel:
            self.link.say(self.on_cancel)

    async def open(self) -> Dialogue:
        return await Dialogue.open(self.link, {"user": "alice"}, self.cancel)


def room() -> Room:
    return Room(100, 10_000)


def numbers(found: Answer) -> list[int]:
    return [int(row[0].kept or b"") for row in found.rows]


def test_a_statement_and_its_answer():
    async def main() -> None:
        world = World(answer(1, 2, tag="SELECT 2"), backend.ready(backend.IN_TRANSACTION))
        talk = await world.open()
        found = await talk.run(ONE, rows=200, room=room())
        assert (numbers(found), found.tag, found.more, found.error) == (
            *([1, 2], "SELECT 2", False),
            None,
        )
        assert talk.status == backend.IN_TRANSACTION
        assert world.link.kinds() == ["PBDEH", "S"]
        await talk.close()
        assert world.link.kinds()[-1] == "X"
        assert world.link.is_closed

    run(main())


def test_rows_are_asked_for_page_by_page():
    async def main() -> None:
        columns = answer(tag="").partition(b"C\0\0")[0]
        world = World(
            columns + rows(1, 2) + SUSPENDED,
            rows(3, 4) + SUSPENDED,
            rows(5) + backend.command_complete("SELECT 1"),
            READY,
        )
        talk = await world.open()
        found = await talk.run(ONE, rows=2, room=room())
        assert (numbers(found), found.more, found.first) == ([1, 2], True, 1)
        await talk.page(found, rows=2, room=room())
        assert (numbers(found), found.more, found.first, found.last) == ([3, 4], True, 3, 4)
        await talk.page(found, rows=2, room=room())
        assert (numbers(found), found.more, found.first) == ([5], False, 5)
        assert world.link.kinds() == ["PBDEH", "EH", "EH", "S"]
        await talk.close()

    run(main())


def test_rows_that_nobody_wants_are_let_go_before_the_next_statement():
    async def main() -> None:
        world = World(BEGUN + rows(1) + SUSPENDED, READY, answer(7), READY)
        talk = await world.open()
        first = await talk.run(ONE, rows=1, room=room())
        second = await talk.run(ONE, rows=1, room=room())
        assert (first.more, numbers(second)) == (False, [7])
        assert world.link.kinds() == ["PBDEH", "S", "PBDEH", "S"]
        await talk.page(first, rows=1, room=room())
        assert numbers(first) == []
        await talk.close()

    run(main())


def test_an_error_ends_a_statement_and_not_the_connection():
    async def main() -> None:
        noted = backend.notice("NOTICE", "00000", "first")
        world = World(noted + FAILED, READY, answer(1), READY)
        talk = await world.open()
        found = await talk.run(ONE, rows=1, room=room())
        assert found.error is not None
        assert (found.error["M"], found.notices[0]["M"]) == ("no", "first")
        assert numbers(await talk.run(ONE, rows=1, room=room())) == [1]
        await talk.close()

    run(main())


def test_what_a_commit_says_belongs_to_the_statement():
    async def main() -> None:
        world = World(answer(1), FAILED + READY)
        talk = await world.open()
        found = await talk.run(ONE, rows=1, room=room())
        assert found.error is not None
        await talk.close()

    run(main())


def test_an_error_that_comes_while_rows_wait_is_told_with_the_next_page():
    async def main() -> None:
        world = World(BEGUN + rows(1) + SUSPENDED, READY)
        talk = await world.open()
        found = await talk.run(ONE, rows=1, room=room())
        world.link.say(FAILED)
        await asyncio.sleep(0.01)
        await talk.page(found, rows=1, room=room())
        assert found.error is not None
        assert (found.error["M"], found.more) == ("no", False)
        assert world.link.kinds() == ["PBDEH", "S"]
        await talk.close()

    run(main())


def test_a_reader_that_leaves_in_the_middle_harms_nothing():
    async def main() -> None:
        world = World(BEGUN + rows(1, 2, 3) + SUSPENDED, READY, answer(9), READY)
        talk = await world.open()
        async with aclosing(talk.stream(Answer(ONE), rows=3, room=room())) as found:
            async for _ in found:
                break
        await talk.finish()
        assert numbers(await talk.run(ONE, rows=1, room=room())) == [9]
        await talk.close()

    run(main())


def test_copy_is_refused_and_the_connection_stays():
    async def main() -> None:
        into = backend.copy_response(backend.COPY_IN, 0, [0])
        world = World(BEGUN + into, backend.error("ERROR", "57014", "failed"), READY)
        talk = await world.open()
        found = await talk.run(ONE, rows=1, room=room())
        assert found.refused == "a browser has no data to send"
        assert world.link.kinds() == ["PBDEH", "f", "S"]
        await talk.close()
        world = World(BEGUN + backend.copy_response(backend.COPY_OUT, 0, [0]), READY)
        world.on_cancel = FAILED
        talk = await world.open()
        found = await talk.run(ONE, rows=1, room=room())
        assert "COPY to the client" in found.refused
        assert world.cancelled == [(7, b"key!")]
        await talk.close()

    run(main())


def test_long_notices_are_kept_up_to_a_size():
    """An editor has twenty answers at a time: a loop of them would fill the memory of all."""
    found = Answer(ONE)
    for _ in range(40):
        found.note({"V": "NOTICE", "M": "x" * 10_000})
    assert len(found.notices) == 6


def test_notices_and_notifications_are_kept_up_to_a_number():
    async def main() -> None:
        many = backend.notice("NOTICE", "00000", "again") * 100
        world = World(backend.notification(1, "news", "tea") + many + answer(1), READY)
        talk = await world.open()
        found = await talk.run(ONE, rows=1, room=room())
        assert len(found.notices) == 50
        assert found.notices[0]["M"] == "news: tea"
        await talk.close()

    run(main())


def fatal(text: str) -> bytes:
    return backend.error("FATAL", "57P01", f"pgward: {text}", hint="again")


@pytest.mark.parametrize(
    ("last", "words"),
    [
        ((fatal("the session was idle"), b""), "the session was idle"),
        ((RefusedError(Reason.REVOKED),), "your certificate is revoked"),
        ((b"",), "the database ended the connection"),
        ((b"Z\0\0\0\0",), "what came is no PostgreSQL message: its length is below four"),
    ],
)
@pytest.mark.parametrize("is_busy", [True, False])
def test_why_it_ended_is_told(last, words, is_busy):
    async def main() -> None:
        world = World(*([b""] if is_busy and last == (b"",) else [BEGUN]))
        talk = await world.open()
        task = asyncio.create_task(talk.run(ONE, rows=1, room=room())) if is_busy else None
        await asyncio.sleep(0.01)
        for each in last:
            world.link.say(each)
        await asyncio.sleep(0.01)
        if task is not None:
            with pytest.raises(PgwardError, match=words):
                await task
        assert talk.ended is not None
        assert talk.ended.message == words
        assert world.link.is_closed
        with pytest.raises(PgwardError, match=words):
            await talk.run(ONE, rows=1, room=room())
        await talk.close()

    run(main())


def test_more_rows_than_are_read_wait_at_the_other_end():
    async def main() -> None:
        world = World()
        talk = await world.open()
        stream = talk.stream(Answer(ONE), rows=1000, room=room())
        first = asyncio.create_task(anext(stream))
        await asyncio.sleep(0.01)
        for _ in range(100):
            world.link.say(rows(1))
        await first
        await asyncio.sleep(0.01)
        assert world.link._coming.qsize() > 60
        world.link.say(fatal("enough"))
        await talk.close()
        await stream.aclose()

    run(main())


def test_who_sends_more_rows_than_asked_for_is_not_heard():
    async def main() -> None:
        world = World(answer(*range(5)))
        talk = await world.open()
        with pytest.raises(EndedError, match="more rows than it was asked for"):
            await talk.run(ONE, rows=4, room=room())
        with pytest.raises(EndedError):
            await talk.run(ONE, rows=4, room=room())
        await talk.close()
        assert world.link.is_closed

    run(main())


def test_a_login_that_is_refused_is_told():
    async def main() -> None:
        for login in (fatal("drop by later"), RefusedError(Reason.BLOCKED), b"Z\0\0\0\0"):
            link = FakeLink()
            link._replies = [login]
            with pytest.raises(PgwardError):
                await Dialogue.open(link, {"user": "alice"}, World().cancel)
            assert link.is_closed
        link = FakeLink()
        link._replies = [fatal("drop by later")]
        with pytest.raises(EndedError, match=r"^drop by later$") as caught:
            await Dialogue.open(link, {"user": "alice"}, World().cancel)
        assert caught.value.hint == "again"

    run(main())


def test_a_login_that_takes_too_long(monkeypatch):
    async def main() -> None:
        monkeypatch.setattr("pgward.portal.sql.dialogue.LOGIN_SECONDS", 0.01)
        link = FakeLink()
        link._replies = []
        with pytest.raises(UnavailableError, match="too long"):
            await Dialogue.open(link, {"user": "alice"}, World().cancel)
        assert link.is_closed

    run(main())
