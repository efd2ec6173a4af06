"""Sessions that rest on a grant, in mode tcp; those that the edge speaks for are in ``aware``."""

from dataclasses import replace
from datetime import timedelta

from pgward.tunnel import preface
from pgward.tunnel.preface import Reason
from tests.fixtures.granting import grants, person
from tests.fixtures.session_bench import NOW, ORDERS, Bench, state

MINUTE = timedelta(minutes=1)
DENIED, _ = preface.EXPLANATIONS[Reason.DENIED]
ENDED = "your access to orders has ended"


def granting(*live, users=frozenset()):
    made = replace(ORDERS, users=users, grants=grants(alice=person(*live)))
    return state(services={"orders": made})


def test_a_grant_opens_a_service(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.links.adopt(granting((NOW + MINUTE, ["a"])))
        await bench.began()
        assert bench.link.in_session
        bench.close()

    run(main())


def test_its_end_cuts_the_session_though_the_ca_is_away(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.links.adopt(granting((NOW + MINUTE, ["a"])))
        await bench.began()
        bench.links.look_at_grants()
        assert bench.link.in_session
        bench.links.clock.move(minutes=1)
        bench.links.look_at_grants()
        assert bench.controls.reason(await bench.read()) is Reason.ACCESS_ENDED
        assert bench.events[1] == ("session.cut", "ok", "access_ended")
        assert not bench.links.timed.known()
        bench.close()

    run(main())


def test_a_snapshot_without_it_cuts_the_session_at_once(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.links.adopt(granting((NOW + MINUTE, ["a"])))
        await bench.began()
        bench.links.adopt(granting())
        assert bench.controls.reason(await bench.read()) is Reason.ACCESS_ENDED
        bench.close()

    run(main())


def test_one_that_is_extended_goes_on(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.links.adopt(granting((NOW + MINUTE, ["a"])))
        await bench.began()
        bench.links.adopt(granting((NOW + 2 * MINUTE, ["a"])))
        bench.links.clock.move(minutes=1)
        bench.links.look_at_grants()
        assert bench.link.in_session
        bench.links.clock.move(minutes=1)
        bench.links.look_at_grants()
        assert not bench.link.in_session
        bench.close()

    run(main())


def test_who_may_come_anyhow_stays(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.links.adopt(granting((NOW + MINUTE, ["a"]), users=frozenset({"alice"})))
        await bench.began()
        bench.links.clock.move(minutes=2)
        bench.links.look_at_grants()
        assert bench.link.in_session
        bench.close()

    run(main())


def test_when_it_is_over_nothing_begins(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.links.adopt(granting((NOW + MINUTE, ["a"])))
        bench.links.clock.move(minutes=1)
        bench.tls.write(b"query")
        await bench.read()
        assert bench.events == [("session.open", "denied", DENIED)]
        assert bench.dialer.dialled == 0
        bench.close()

    run(main())


def test_time_is_the_cas(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.links.adopt(granting((NOW + MINUTE, ["a"])))
        await bench.began()
        bench.links.clock.move(minutes=30)
        bench.links.skew = lambda: timedelta(minutes=30)
        bench.links.look_at_grants()
        assert bench.link.in_session
        bench.close()

    run(main())


def test_a_snapshot_says_that_it_is_so_late(run, contexts):
    """As an edge begins with the kept one while its machine's clock is an hour behind."""

    async def main() -> None:
        bench = await Bench.make(contexts)
        known = replace(granting((NOW + MINUTE, ["a"])), issued_at=NOW + MINUTE)
        bench.links.adopt(known)
        assert not bench.link.in_session
        assert bench.link not in bench.links.live
        bench.close()

    run(main())


def test_an_idle_link_ends_with_it(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.links.adopt(granting((NOW + MINUTE, ["a"])))
        bench.links.clock.move(minutes=1)
        bench.links.look_at_grants()
        assert bench.link not in bench.links.live
        bench.close()

    run(main())
