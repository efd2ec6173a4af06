import asyncio
from dataclasses import replace

import pytest

from pgward.pgwire import startup
from pgward.pki.crl import RevocationList
from pgward.tunnel import pgerror
from pgward.tunnel.edge.limits import Descriptors
from pgward.tunnel.edge.sessions import Link
from pgward.tunnel.preface import EXPLANATIONS, Controls, Reason, RefusedError
from tests.fixtures.links import reset, tcp_pair, tls_pair
from tests.fixtures.session_bench import (
    ALICE,
    ISSUER,
    NOW,
    ORDERS,
    Bench,
    read_record,
    revoked,
    state,
    until,
)


async def refused(bench: Bench, reason: Reason, message: str | None = None) -> None:
    """See that the client is told in its own protocol, the tunnel by a cut, and all is closed."""
    text, hint = EXPLANATIONS[reason]
    bench.tls.write(b"query")
    # What a newer certificate mends a tunnel tries again, if it heard nothing yet.
    if bench.controls is None or reason is not Reason.EXPIRED:
        assert await bench.read() == pgerror.fatal(message or text, hint)
    if bench.controls is not None:
        assert bench.controls.reason(await bench.read()) is reason
    assert await bench.read() == b""
    assert bench.links.live == set()
    assert bench.links.limits.by_user == {}
    assert bench.events == [("session.open", "denied", message or text)]


def test_the_last_descriptors_begin_no_session(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts, controls=False)
        bench.links.descriptors = Descriptors(0)
        bench.tls.write(b"query")
        said = await bench.read()
        assert b"C53300\0" in said
        assert b"the edge has all its file descriptors in use" in said
        assert bench.dialer.dialled == 0
        bench.close()

    run(main())


def test_the_last_descriptors_are_there_to_cancel(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts, controls=False)
        bench.links.descriptors = Descriptors(0)
        bench.tls.write(startup.cancel(7, b"keys"))
        await until(lambda: bench.dialer.dialled)
        bench.close()

    run(main())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"blocked": frozenset({"alice"})}, Reason.BLOCKED),
        ({"revocations": revoked(7)}, Reason.REVOKED),
        ({"revocations": RevocationList({ISSUER: frozenset()}, NOW)}, Reason.STALE),
        ({"services": {}}, Reason.DENIED),
        ({"services": {"orders": replace(ORDERS, users=frozenset())}}, Reason.DENIED),
    ],
)
@pytest.mark.parametrize("controls", [True, False])
def test_what_the_state_forbids_begins_no_session(run, contexts, changes, reason, controls):
    async def main() -> None:
        bench = await Bench.make(contexts, controls=controls)
        bench.links.state = state(**changes)
        heard: list[RefusedError] = []
        bench.links.refused = heard.append
        await refused(bench, reason)
        assert bench.dialer.dialled == 0
        assert [each.reason for each in heard] == [reason]
        bench.close()

    run(main())


def test_a_certificate_that_has_expired_meanwhile(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.links.clock.move(hours=1)
        await refused(bench, Reason.EXPIRED)
        bench.close()

    run(main())


@pytest.mark.parametrize("controls", [True, False])
def test_a_drain_that_begins_with_the_first_byte_leaves_the_answer_to_another_edge(
    run, contexts, controls
):
    async def main() -> None:
        bench = await Bench.make(contexts, controls=controls)
        bench.links.draining = True
        bench.tls.write(b"query")
        if bench.controls is not None:
            assert bench.controls.reason(await bench.read()) is Reason.STOPPING
        else:
            assert await bench.read() == pgerror.fatal(*EXPLANATIONS[Reason.STOPPING])
        assert await bench.read() == b""
        assert bench.dialer.dialled == 0
        bench.close()

    run(main())


def test_a_clock_that_jumps_a_day_and_back(run, contexts):
    """New sessions are refused while it is wrong; running ones and idle links do not notice."""

    async def main() -> None:
        bench = await Bench.make(contexts)
        database = await bench.began()
        others, controls = [], []
        for _ in range(2):
            edge, tunnel = await tls_pair(contexts)
            known = Controls.new()
            controls.append(known)
            Link(bench.links, edge, peer=ALICE, service="orders", controls=known, address="")
            others.append(tunnel)
        bench.links.clock.move(days=1)
        others[0].write(b"query")
        assert controls[0].reason(await read_record(others[0])) is Reason.EXPIRED
        database.send(b"still here")
        assert await bench.read() == b"still here"
        bench.links.clock.move(days=-1)
        others[1].write(b"query")
        assert await asyncio.get_running_loop().sock_recv(await bench.database(), 9) == b"query"
        bench.links.clock.move(days=-1)
        database.send(b"still here")
        assert await bench.read() == b"still here"
        for link in tuple(bench.links.live):
            link.close()
        for tls in others:
            tls.close()
        bench.close()

    run(main())


@pytest.mark.parametrize("answered", [True, False])
def test_an_upstream_that_resets_ends_its_link_only(run, contexts, answered):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.dialer.pair = tcp_pair
        database = await bench.began()
        if answered:
            database.send(b"answer")
            assert await bench.read() == b"answer"
        reset(database)
        assert await bench.read() == b""
        assert bench.links.live == set()
        assert bench.links.limits.by_user == {}
        assert bench.events == [("session.open", "ok", None), ("session.close", "ok", None)]
        bench.close()

    run(main())


def test_a_client_that_ends_its_half_hears_the_answer(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        database = await bench.began()
        bench.tls.write(bench.controls.end)
        assert await asyncio.get_running_loop().sock_recv(database, 9) == b""
        assert bench.link.in_session
        database.send(b"late answer")
        assert await bench.read() == b"late answer"
        database.close()
        assert await bench.read() == bench.controls.end
        assert not bench.link.in_session
        bench.close()

    run(main())


def test_an_upstream_that_cannot_be_reached(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.dialer.trouble = RefusedError(Reason.UNREACHABLE, "no way")
        await refused(bench, Reason.UNREACHABLE, "no way")
        bench.close()

    run(main())


def test_a_dial_that_breaks_frees_what_it_held(run, contexts, caplog):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.dialer.trouble = RuntimeError("a bug")
        bench.tls.write(b"query")
        assert await bench.read() == b""
        assert bench.links.live == set()
        assert bench.links.limits.by_user == {}
        bench.close()

    run(main())
    assert "no session could be opened" in caplog.text


def test_an_edge_without_a_state_or_in_a_drain(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.links.state = None
        with pytest.raises(RefusedError) as caught:
            bench.links.authorize(bench.link, b"")
        assert caught.value.reason is Reason.STALE
        bench.links.draining = True
        with pytest.raises(RefusedError) as caught:
            bench.links.authorize(bench.link, b"")
        assert caught.value.reason is Reason.STOPPING
        bench.close()

    run(main())
