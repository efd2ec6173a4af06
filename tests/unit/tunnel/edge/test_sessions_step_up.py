import struct
from dataclasses import replace
from datetime import timedelta

import pytest

from pgward.tunnel import pgerror
from pgward.tunnel.edge.state import StepUp
from pgward.tunnel.preface import Reason
from tests.fixtures.session_bench import NOW, ORDERS, Bench, state

MINUTE = timedelta(minutes=1)
CANCEL = struct.pack("!IIII", 16, 80877102, 7, 9)


def asking(proofs, *, ends=False):
    return state(services={"orders": replace(ORDERS, step_up=StepUp(proofs, ends))})


def test_a_tunnel_hears_a_reason_only_so_that_it_can_try_again(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.links.adopt(asking({}))
        bench.tls.write(b"query")
        assert bench.controls.reason(await bench.read()) is Reason.STEP_UP
        assert (await bench.read(), bench.dialer.dialled) == (b"", 0)
        message = "orders asks for a fresh second factor"
        assert bench.events == [("session.open", "denied", message)]
        bench.close()

    run(main())


def test_any_other_client_hears_it_in_its_own_protocol(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts, controls=False)
        bench.links.adopt(asking({}))
        bench.tls.write(b"query")
        said = pgerror.fatal("orders asks for a fresh second factor", "pgward step-up orders")
        assert await bench.read() == said
        bench.close()

    run(main())


@pytest.mark.parametrize("ahead", [0, 40, -40])
def test_time_is_taken_from_the_ca_however_wrong_our_clock_is(run, contexts, ahead):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.links.clock.move(seconds=ahead)
        bench.links.skew = lambda: timedelta(seconds=ahead)
        bench.links.adopt(asking({"alice": NOW + timedelta(seconds=1)}))
        await bench.began()
        assert bench.link.in_session
        bench.close()

    run(main())


def test_a_session_goes_on_when_its_time_is_over_and_the_next_needs_a_proof(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.links.adopt(asking({"alice": NOW + MINUTE}))
        await bench.began()
        bench.links.clock.move(minutes=2)
        bench.links.end_unproved()
        bench.links.adopt(asking({}))
        assert bench.link.in_session
        bench.close()

    run(main())


def test_a_session_ends_with_its_time_where_the_rule_says_so(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.links.adopt(asking({"alice": NOW + MINUTE}, ends=True))
        await bench.began()
        bench.links.end_unproved()
        assert bench.link.in_session
        bench.links.clock.move(minutes=1)
        bench.links.end_unproved()
        assert bench.controls.reason(await bench.read()) is Reason.STEP_UP
        assert [event[:2] for event in bench.events][1] == ("session.cut", "ok")
        bench.close()

    run(main())


def test_a_proof_that_is_taken_back_ends_the_session_at_once_where_the_rule_says_so(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.links.adopt(asking({"alice": NOW + MINUTE}, ends=True))
        await bench.began()
        bench.links.adopt(asking({}, ends=True))
        assert bench.controls.reason(await bench.read()) is Reason.STEP_UP
        bench.close()

    run(main())


def test_an_idle_link_outlives_all_that(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.links.adopt(asking({}, ends=True))
        assert bench.link in bench.links.live
        bench.close()

    run(main())


def test_a_query_can_be_cancelled_without_a_proof(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.links.adopt(asking({}))
        bench.tls.write(CANCEL)
        await bench.database()
        bench.close()

    run(main())
