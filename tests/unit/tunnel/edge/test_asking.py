import asyncio
import threading

import pytest

from pgward.core.errors import DeniedError
from pgward.tunnel.edge.asking import THREADS, for_person, for_stranger


def test_what_is_asked_is_answered_or_raised():
    def ask(name: str, *, number: int) -> str:
        if number:
            raise DeniedError("no")
        return f"{name} in {threading.current_thread().name}"

    assert asyncio.run(for_stranger(ask, "x", number=0)).startswith("x in ca-strangers")
    assert asyncio.run(for_person(ask, "x", number=0)).startswith("x in ca-people")
    with pytest.raises(DeniedError):
        asyncio.run(for_stranger(ask, "x", number=1))


def test_strangers_who_wait_for_a_ca_that_hangs_keep_nobody_else_waiting():
    answers = threading.Event()

    async def main() -> None:
        hanging = [asyncio.create_task(for_stranger(answers.wait, 10)) for _ in range(4 * THREADS)]
        await asyncio.sleep(0)
        assert await for_person(lambda: "known") == "known"
        found = await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 5432)
        assert found
        assert await asyncio.to_thread(lambda: "a file") == "a file"
        # who gives up while nobody asks for it has asked nothing
        waiting = hanging.pop()
        waiting.cancel()
        await asyncio.wait([waiting])
        answers.set()
        assert all(await asyncio.gather(*hanging))

    try:
        asyncio.run(asyncio.wait_for(main(), 10))
    finally:
        answers.set()
