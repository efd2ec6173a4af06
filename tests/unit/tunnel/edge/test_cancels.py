import asyncio

import pytest

from pgward.tunnel.edge.cancels import LONG, SHORT, Cancels, Mailbox


class Calls:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.mark.parametrize(("long", "size"), [(False, SHORT), (True, LONG)])
def test_the_right_key_cancels_and_a_wrong_one_does_not(long: bool, size: int) -> None:
    calls, cancels = Calls(), Cancels()
    pid, key = cancels.issue(calls, long=long)
    assert len(key) == size
    assert 0 < pid < 1 << 31
    cancels.request(pid, bytes(size))
    cancels.request(pid, key[:-1])
    cancels.request(pid, b"")
    cancels.request(pid + 64, key)
    assert calls.count == 0
    cancels.request(pid, key)
    assert calls.count == 1


def test_a_key_that_was_taken_back_does_nothing() -> None:
    calls, cancels = Calls(), Cancels()
    pid, key = cancels.issue(calls, long=False)
    cancels.forget(pid)
    cancels.forget(pid)
    cancels.request(pid, key)
    assert calls.count == 0


def test_every_session_has_a_key_of_its_own() -> None:
    cancels = Cancels(worker=63)
    issued = {cancels.issue(lambda: None, long=False) for _ in range(500)}
    assert len({pid for pid, _ in issued}) == 500
    assert {pid & 63 for pid, _ in issued} == {63}


def test_a_request_reaches_the_worker_that_has_the_session() -> None:
    async def scenario() -> None:
        boxes = [Mailbox.new(), Mailbox.new()]
        loop = asyncio.get_running_loop()
        called = loop.create_future()
        accepted, holder = Cancels(0, boxes), Cancels(1, boxes)
        holder.listen(loop)
        pid, key = holder.issue(lambda: called.set_result(None), long=True)
        accepted.request(pid, key)
        await asyncio.wait_for(called, 10)
        loop.remove_reader(boxes[1].incoming.fileno())
        for box in boxes:
            box.incoming.close()
            box.outgoing.close()

    asyncio.run(scenario())


def test_a_worker_that_takes_no_more_mail_holds_nobody_up(caplog: pytest.LogCaptureFixture) -> None:
    boxes = [Mailbox.new(), Mailbox.new()]
    accepted = Cancels(0, boxes)
    pid, key = Cancels(1, boxes).issue(lambda: None, long=True)
    while not caplog.records:
        accepted.request(pid, key)
    assert "worker 1 does not take a cancel request" in caplog.text
    for box in boxes:
        box.incoming.close()
        box.outgoing.close()


def test_a_worker_that_does_not_exist_gets_nothing() -> None:
    Cancels(0, ()).request(64 | 5, bytes(4))
