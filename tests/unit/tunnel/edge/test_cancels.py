import asyncio
import contextlib
from collections.abc import Iterator

import pytest

from pgward.tunnel.edge import cancels as module
from pgward.tunnel.edge.cancels import LONG, SHORT, Cancels, Mailbox, mailboxes


class Calls:
    def __init__(self) -> None:
        self.count = 0

    async def __call__(self) -> None:
        await asyncio.sleep(0)
        self.count += 1


@pytest.fixture
def boxes() -> Iterator[list[Mailbox]]:
    with mailboxes(2) as made:
        yield list(made)


@pytest.mark.parametrize(("long", "size"), [(False, SHORT), (True, LONG)])
def test_the_right_key_cancels_and_a_wrong_one_does_not(run, long, size):
    async def main() -> None:
        calls, cancels = Calls(), Cancels()
        pid, key = cancels.issue(calls, long=long)
        assert len(key) == size
        assert 0 < pid < 1 << 31
        for wrong in ((pid, bytes(size)), (pid, key[:-1]), (pid, b""), (pid + 64, key)):
            await cancels.request(*wrong)
        assert calls.count == 0
        await cancels.request(pid, key)
        assert calls.count == 1

    run(main())


def test_a_key_that_was_taken_back_does_nothing(run):
    async def main() -> None:
        calls, cancels = Calls(), Cancels()
        pid, key = cancels.issue(calls, long=False)
        cancels.forget(pid, key)
        cancels.forget(pid, key)
        await cancels.request(pid, key)
        assert calls.count == 0

    run(main())


def test_a_process_id_is_postgresqls_if_it_tells_one():
    cancels = Cancels()
    assert cancels.issue(Calls(), long=False, pid=4711)[0] == 4711
    assert len({cancels.issue(Calls(), long=False)[0] for _ in range(50)}) == 50


def test_sessions_of_two_servers_may_have_the_same_process_id(run):
    async def main() -> None:
        one, two, cancels = Calls(), Calls(), Cancels()
        first = cancels.issue(one, long=False, pid=7)
        second = cancels.issue(two, long=False, pid=7)
        await cancels.request(*second)
        assert (one.count, two.count) == (0, 1)
        cancels.forget(*first)
        await cancels.request(*first)
        await cancels.request(*second)
        assert (one.count, two.count) == (0, 2)

    run(main())


def test_a_request_is_over_once_the_worker_that_has_the_session_carried_it_out(run, boxes):
    async def main() -> None:
        loop = asyncio.get_running_loop()
        calls, accepted, holder = Calls(), Cancels(0, boxes), Cancels(1, boxes)
        accepted.listen(loop)
        holder.listen(loop)
        pid, key = holder.issue(calls, long=True)
        await accepted.request(pid, bytes(LONG))
        assert calls.count == 0
        await accepted.request(pid, key)
        assert calls.count == 1
        for box in boxes:
            loop.remove_reader(box.incoming.fileno())

    run(main())


def test_a_worker_that_does_not_answer_holds_nobody_up_for_long(run, boxes, monkeypatch, caplog):
    monkeypatch.setattr(module, "_ANSWER_SECONDS", 0.01)

    async def main() -> None:
        await Cancels(0, boxes).request(1, bytes(4))

    run(main())
    assert "worker 1 does not answer a cancel request" in caplog.text


def test_a_worker_that_takes_no_more_mail_holds_nobody_up(run, boxes, caplog):
    with contextlib.suppress(BlockingIOError):
        while True:
            boxes[1].outgoing.send(bytes(100))

    async def main() -> None:
        cancels = Cancels(0, boxes)
        for _ in range(50):  # anybody may send them
            await cancels.request(1, bytes(4))

    run(main())
    assert caplog.text.count("worker 1 does not take a cancel request") == 1


def test_a_worker_without_others_asks_nobody(run):
    async def main() -> None:
        await Cancels(0, ()).request(5, bytes(4))

    run(main())
