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
        cancels.forget(pid)
        cancels.forget(pid)
        await cancels.request(pid, key)
        assert calls.count == 0

    run(main())


def test_every_session_has_a_key_of_its_own():
    cancels = Cancels(worker=63)
    issued = {cancels.issue(Calls(), long=False) for _ in range(500)}
    assert len({pid for pid, _ in issued}) == 500
    assert {pid & 63 for pid, _ in issued} == {63}


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
        await Cancels(0, boxes).request(64 | 1, bytes(4))

    run(main())
    assert "worker 1 does not answer a cancel request" in caplog.text


def test_a_worker_that_takes_no_more_mail_holds_nobody_up(run, boxes, caplog):
    with contextlib.suppress(BlockingIOError):
        while True:
            boxes[1].outgoing.send(bytes(100))

    async def main() -> None:
        await Cancels(0, boxes).request(64 | 1, bytes(4))

    run(main())
    assert "worker 1 does not take a cancel request" in caplog.text


def test_a_worker_that_does_not_exist_gets_nothing(run):
    async def main() -> None:
        await Cancels(0, ()).request(64 | 5, bytes(4))

    run(main())
