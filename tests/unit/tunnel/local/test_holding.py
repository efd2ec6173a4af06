import asyncio
import threading

import pytest

from pgward.core.errors import PgwardError, UnavailableError
from pgward.tunnel.local import holding as module
from pgward.tunnel.local.holding import Holding
from pgward.tunnel.preface import Reason, RefusedError
from tests.fixtures.links import unix_pair
from tests.fixtures.tunnel_world import until

WORDS = ("orders asks for a fresh second factor", "pgward step-up orders")


class Bench:
    """A tunnel's held clients, and a CA that a test plays."""

    def __init__(self):
        self.proof = threading.Event()
        self.asked, self.told, self.pairs = [], [], []
        self.trouble = None
        loop = asyncio.get_running_loop()
        self.holding = Holding(
            loop, lambda: "orders", self.ask, lambda *words: self.told.append(words)
        )

    def ask(self, wait):
        self.asked.append(wait)
        if self.trouble is not None:
            raise self.trouble
        return self.proof.wait(wait) if wait else self.proof.is_set()

    def client(self):
        """Return a held client's two ends."""
        self.pairs.append(unix_pair())
        return self.pairs[-1]

    def held(self, held=None):
        ours, theirs = self.client()
        task = asyncio.ensure_future(self.holding.wait(ours, held or self.holding.begin()))
        return task, theirs

    def close(self):
        self.proof.set()
        self.holding.close()
        for pair in self.pairs:
            for end in pair:
                end.close()


@pytest.fixture
def bench(run):
    def played(main):
        async def whole():
            made = Bench()
            try:
                await main(made)
            finally:
                made.close()

        run(whole())

    return played


def test_eight_clients_ask_once_and_go_on_together(bench):
    async def main(made):
        tasks = [made.held()[0] for _ in range(8)]
        await until(lambda: made.told)
        made.proof.set()
        await asyncio.gather(*tasks)
        assert made.told == [WORDS]
        assert made.asked == [0.0, module.ASK_SECONDS]

    bench(main)


def test_a_proof_that_is_there_already_is_asked_of_nobody(bench):
    async def main(made):
        made.proof.set()
        await made.held()[0]
        assert made.told == []

    bench(main)


def test_the_same_person_is_not_told_again_at_once(bench, monkeypatch):
    monkeypatch.setattr(module, "HOLD_SECONDS", 0.0)

    async def main(made):
        first, theirs = made.held(module.Held(made.holding.loop.time() + 5))
        await until(lambda: made.told)
        theirs.close()
        with pytest.raises(ConnectionResetError):
            await first
        second, _ = made.held(module.Held(made.holding.loop.time() + 5))
        await asyncio.sleep(0)
        made.proof.set()
        await second
        assert made.told == [WORDS]

    bench(main)


def test_who_waits_in_vain_is_told_what_to_do(bench):
    async def main(made):
        task, _ = made.held(module.Held(made.holding.loop.time() + 0.02))
        with pytest.raises(RefusedError) as caught:
            await task
        assert (caught.value.message, caught.value.hint) == WORDS
        assert caught.value.reason is Reason.STEP_UP

    bench(main)


def test_an_edge_that_does_not_hear_of_it_is_to_blame(bench):
    async def main(made):
        made.proof.set()
        held = module.Held(made.holding.loop.time() + 0.1)
        with pytest.raises(RefusedError, match="has not heard of your second factor"):  # noqa: PT012
            while True:
                await made.held(held)[0]
        assert held.refusals > 1

    bench(main)


def test_too_many_are_turned_away_at_once(bench, monkeypatch):
    monkeypatch.setattr(module, "MOST_HELD", 2)

    async def main(made):
        tasks = [made.held()[0] for _ in range(3)]
        with pytest.raises(RefusedError):
            await tasks[2]
        made.proof.set()
        await asyncio.gather(*tasks[:2])

    bench(main)


def test_a_client_that_leaves_is_let_go(bench):
    async def main(made):
        task, theirs = made.held()
        await until(lambda: made.told)
        theirs.send(b"more")  # stays where it is
        ours = made.pairs[-1][0]
        made.proof.set()
        await task
        assert ours.recv(9) == b"more"
        made.proof.clear()
        task, theirs = made.held()
        theirs.close()
        with pytest.raises(ConnectionResetError):
            await task

    bench(main)


@pytest.mark.parametrize(
    ("trouble", "said"),
    [(UnavailableError("the CA is away"), "the CA is away"), (KeyError("x"), "no proof can be")],
)
def test_what_the_ca_says_reaches_all_who_wait(bench, trouble, said):
    async def main(made):
        made.trouble = trouble
        for task in [made.held()[0] for _ in range(2)]:
            with pytest.raises(PgwardError, match=said):
                await task

    bench(main)
