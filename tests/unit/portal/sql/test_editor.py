import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from pgward.core.errors import ConflictError, InvalidInputError, PgwardError, UnavailableError
from pgward.pgwire import backend
from pgward.portal.sql.editor import Editor, Wanted
from pgward.portal.sql.export import Export
from tests.fixtures.fake_door import FakeDoor
from tests.fixtures.fake_link import BEGUN, READY, SUSPENDED, FakeLink, answer, rows

IN_BLOCK = backend.ready(backend.IN_TRANSACTION)
FATAL = backend.error("FATAL", "57P01", "pgward: the session was idle")


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


def editor(*links: FakeLink | PgwardError, **wanted: str) -> Editor:
    return Editor("e1", FakeDoor([*links]), Wanted(**wanted))


def test_how_it_connects():
    assert Wanted().parameters("alice") == {
        "user": "alice",
        "application_name": "pgward web",
        "client_encoding": "UTF8",
    }
    found = Wanted("reader", "prod", "TICKET 7").parameters("alice")
    assert (found["user"], found["database"], found["pgward.reason"]) == (
        *("reader", "prod"),
        "TICKET 7",
    )


def test_statements_are_run_one_after_the_other_up_to_an_error():
    async def main() -> None:
        failed = backend.error("ERROR", "42601", "no")
        made = editor(FakeLink(answer(1), READY, failed, READY))
        assert (made.is_connected, made.server) == (False, "")
        await made.run("select 1; oops; select 2")
        assert made.server == "18.4"
        assert [each.error is None for each in made.answers] == [True, False]
        assert (made.is_connected, made.is_busy, made.problem) == (True, False, None)
        assert (made.person, made.session_id, made.service) == ("alice", "s1", "orders")
        await made.disconnect("done")
        assert (made.is_connected, made.lost) == (False, "done")

    run(main())


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "no statement"), (" -- x", "no statement"), ("x;" * 21, "21 statements")],
)
def test_what_cannot_be_run(text, words):
    async def main() -> None:
        with pytest.raises(InvalidInputError, match=words):
            editor().run(text)

    run(main())


def test_one_thing_at_a_time():
    async def main() -> None:
        link = FakeLink(BEGUN)
        made = editor(link)
        task = made.run("select 1")
        for ask in (lambda: made.run("select 2"), made.page, lambda: made.export("x", None)):
            with pytest.raises(ConflictError, match="runs already"):
                ask()
        await asyncio.sleep(0.01)
        assert made.is_busy
        assert made.seconds > 0
        await made.cancel()
        assert made.door.cancelled == [(7, b"key!")]
        link._replies = [READY]
        link.say(backend.error("ERROR", "57014", "canceled"))
        await task
        assert made.answers[0].error is not None
        await made.cancel()
        await made.disconnect("")

    run(main())


def test_what_is_on_its_way_can_be_cancelled_too():
    async def main() -> None:
        made = editor(FakeLink(login=b""))
        made.door.open = lambda: asyncio.sleep(60)
        task = made.run("select 1")
        await asyncio.sleep(0)
        await made.cancel()
        await asyncio.wait({task})
        assert made.problem is not None
        assert made.problem.message == "it was cancelled before it began"

    run(main())


def test_a_transaction_is_never_gone_on_with_elsewhere():
    async def main() -> None:
        link = FakeLink(answer(1, tag="BEGIN"), IN_BLOCK)
        made = editor(link, FakeLink(answer(1), READY, answer(1), READY))
        await made.run("begin")
        assert made.transaction == "open"
        link.say(FATAL)
        await asyncio.sleep(0.01)
        assert made.transaction == ""
        with pytest.raises(ConflictError, match="nothing was run") as caught:
            made.run("delete from orders", in_transaction=True)
        assert caught.value.hint is not None
        assert "the session was idle" in caught.value.hint
        assert len(made.door.opened) == 1
        await made.run("select 1")
        assert made.lost == "this is a new connection: the session was idle"
        await made.run("select 1")
        await made.disconnect("")

    run(main())


def test_a_failed_transaction_is_shown():
    async def main() -> None:
        made = editor(FakeLink(answer(1), backend.ready(backend.FAILED)))
        await made.run("x")
        assert made.transaction == "failed"
        await made.disconnect("")

    run(main())


def test_pages_and_their_end():
    async def main() -> None:
        made = editor(FakeLink(BEGUN + rows(1) + SUSPENDED, rows(2) + SUSPENDED, READY))
        with pytest.raises(ConflictError, match="no more rows"):
            await made._page()
        await made.run("select")
        assert made.held is not None
        await made.page()
        assert made.answers[0].first == 2
        used = made.used
        made.let_go("after a minute")
        await made.task
        assert (made.held, made.answers[0].more, made.answers[0].let_go) == (
            *(None, False),
            "after a minute",
        )
        assert made.used == used
        await made.page()
        assert made.problem is not None
        await made.disconnect("")
        made.let_go("nothing")

    run(main())


def test_only_the_last_statement_has_pages():
    async def main() -> None:
        made = editor(FakeLink(BEGUN + rows(1) + SUSPENDED, READY, answer(2), READY))
        await made.run("a; b")
        assert made.answers[0].let_go == "run it alone to see the rows behind these"
        await made.disconnect("")

    run(main())


def test_what_goes_wrong_is_kept_for_the_page(caplog):
    async def main() -> None:
        made = editor(UnavailableError("no edge answered in time"), FakeLink(answer(1), b""))
        await made.run("x")
        assert made.problem is not None
        assert made.problem.message == "no edge answered in time"
        await made.run("x")
        assert made.problem.message == "the database ended the connection"
        assert not made.is_connected
        made.door.open = None
        await made.run("x")
        assert made.problem.message == "this failed"
        await made.disconnect("")

    run(main())
    assert "an editor broke" in caplog.text


async def told(made: Editor, text: str, wait: bool = True) -> tuple[str, list[Export]]:
    """Return a file and what was put on record of it."""
    records: list[Export] = []

    async def tell(each: Export) -> None:
        records.append(each)

    pieces = made.export(text, tell)
    found: list[str] = []
    while (piece := await pieces.get()) is not None:
        found.append(piece)
        if not wait:
            made.abandon()
            break
    assert made.task is not None
    await asyncio.wait({made.task})
    return "".join(found), records


def test_a_file_and_its_record():
    async def main() -> None:
        made = editor(FakeLink(answer(1, 2), READY, answer(3), READY))
        text, records = await told(made, "select")
        assert (text, [each.rows for each in records]) == ("n\r\n1\r\n2\r\n", [2])
        assert (made.problem, made.answers) == (None, [])
        await made.run("x")
        assert made.answers[0].tag == "SELECT 1"
        with pytest.raises(InvalidInputError, match="one statement"):
            made.export("a; b", None)
        await made.disconnect("")

    run(main())


def test_no_file_shows_why():
    async def main() -> None:
        made = editor(
            FakeLink(backend.error("ERROR", "42601", "no"), READY), UnavailableError("away")
        )
        assert (await told(made, "select"))[0] == ""
        assert made.answers[0].error is not None
        await made.disconnect("")
        text, records = await told(made, "select")
        assert (text, records[0].rows) == ("", 0)
        assert made.problem is not None

    run(main())


def test_a_reader_that_leaves_ends_the_file():
    async def main() -> None:
        link = FakeLink(
            BEGUN + backend.row_description([backend.Column("n", 23)]) + rows(1) + SUSPENDED
        )
        made = editor(link)
        made.door.cancel = _says(link, backend.error("ERROR", "57014", "canceled"), READY)
        text, records = await told(made, "select", wait=False)
        assert text == "n\r\n1\r\n"
        assert records[0].cut == "it was broken off"
        await made.disconnect("")

    run(main())


def test_a_file_of_an_editor_that_is_closed_says_that_it_is_not_whole():
    async def main() -> None:
        columns = backend.row_description([backend.Column("n", 23)])
        made = editor(FakeLink(BEGUN + columns + rows(1) + SUSPENDED))
        records: list[Export] = []

        async def tell(each: Export) -> None:
            records.append(each)

        pieces = made.export("select", tell)
        found = [await made.next_piece(pieces)]
        await made.disconnect("the sign-in has ended")
        while found[-1] is not None:
            found.append(await made.next_piece(pieces))
        assert found == ["n\r\n1\r\n", "cut off: it was broken off\r\n", None]
        assert records[0].cut == "it was broken off"

    run(main())


def test_a_file_that_never_began_ends():
    async def main() -> None:
        made = editor(FakeLink())
        pieces = made.export("select", None)
        await made.disconnect("")
        assert await made.next_piece(pieces) is None

    run(main())


def test_what_is_not_read_makes_room_for_the_end():
    async def main() -> None:
        numbers = [rows(each) + SUSPENDED for each in range(20)]
        columns = backend.row_description([backend.Column("n", 23)])
        made = editor(FakeLink(BEGUN + columns + numbers[0], *numbers[1:]))
        records: list[Export] = []

        async def tell(each: Export) -> None:
            records.append(each)

        pieces = made.export("select", tell)
        await asyncio.sleep(0.01)
        assert pieces.full()
        task = made.task
        await made.disconnect("")
        await asyncio.wait({task})
        assert (records[0].rows, pieces.qsize()) == (5, 4)

    run(main())


def _says(link: FakeLink, error: bytes, then: bytes):
    async def cancel(_key: tuple[int, bytes]) -> None:
        link.say(error)
        link._replies = [then]

    return cancel
