"""Links to edges, and the door that opens them."""

import asyncio
import ssl
from types import SimpleNamespace
from typing import Any

import pytest

from pgward.ca.identity import sessions
from pgward.client.services import EdgeInfo
from pgward.core.address import Address
from pgward.core.errors import DeniedError, UnavailableError
from pgward.pgwire import startup
from pgward.pki import chain, keys, pem
from pgward.portal.sql import channel
from pgward.portal.sql.channel import Door, EdgeLink
from pgward.tunnel.preface import MAX_LINE, Controls, Reason, RefusedError
from pgward.tunnel.tls import read_some, write_all
from tests.fixtures.edge_services import aware, declare
from tests.fixtures.links import tls_pair

WORDS = RefusedError(Reason.DENIED, "not at night", hint="come by day")


def test_a_link_says_what_comes_and_why_it_ends(run, contexts):
    async def main() -> None:
        controls = Controls.new(tells_why=True)
        for said, error in (
            ([controls.cut(Reason.REVOKED)], RefusedError(Reason.REVOKED)),
            (controls.cut_by(WORDS), WORDS),
            ([controls.marker + b"W\0", b"nonsense\n"], UnavailableError("the edge ended")),
        ):
            edge, ours = await tls_pair(contexts)
            link = EdgeLink(ours, controls, "e1")
            await link.send(b"question")
            assert await read_some(edge, 100) == b"question"
            await write_all(edge, b"answer")
            assert await link.receive() == b"answer"
            for record in said:
                await write_all(edge, record)
            with pytest.raises(type(error), match=error.message):
                await link.receive()
            link.close()
            assert await link.receive() == b""
            edge.close()

    run(main())


def test_a_link_ends(run, contexts):
    async def main() -> None:
        controls = Controls.new()
        for last in (controls.end, b""):
            edge, ours = await tls_pair(contexts)
            link = EdgeLink(ours, controls, "e1")
            if last:
                await write_all(edge, last)
            edge.close()
            assert await link.receive() == b""
            assert await link.receive() == b""
            link.close()

    run(main())


def test_a_link_that_breaks_is_told(run, contexts):
    async def main() -> None:
        edge, ours = await tls_pair(contexts)
        link = EdgeLink(ours, Controls.new(), "e1")
        edge.socket.close()

        async def say_much() -> None:
            for _ in range(100):
                await link.send(b"x" * 10_000)

        with pytest.raises(UnavailableError, match="no connection to the edge e1"):
            await say_much()
        link.close()

    run(main())


class OneDoor(Door):
    """A door behind which every edge answers as ``said`` says."""

    __slots__ = ()
    said: Any = None
    edges: Any = ()

    def _edges(self) -> Any:
        return list(self.edges)

    async def _shown(self) -> Any:
        self.kept.shown = "what was shown"


def edges(count: int) -> list[EdgeInfo]:
    return [EdgeInfo(f"e{number}", Address("127.0.0.1", 1), "e") for number in range(count)]


@pytest.mark.parametrize(
    ("said", "opened"),
    [
        (["ok"], "e0"),
        ([UnavailableError("away"), "ok"], "e1"),
        ([RefusedError(Reason.STOPPING), "ok"], "e1"),
        ([UnavailableError("away"), UnavailableError("as well")], "as well"),
        ([RefusedError(Reason.BLOCKED), "ok"], "your account is blocked"),
        ([RefusedError(Reason.REVOKED), "ok"], "your certificate is revoked"),
        ([], "no edge serves orders now"),
    ],
)
def test_the_first_edge_that_takes_it(monkeypatch, said, opened):
    answers = list(said)

    class Connector:
        def __init__(self, service: str, _context: Any) -> None:
            assert service == "orders"

        async def __call__(self, _edge: EdgeInfo) -> Any:
            found = answers.pop(0)
            if found != "ok":
                raise found
            return SimpleNamespace(close=lambda: None), Controls.new()

    monkeypatch.setattr(channel, "EdgeConnector", Connector)
    monkeypatch.setattr(OneDoor, "edges", edges(len(said)))
    door = OneDoor(None, None, "orders")
    try:
        assert asyncio.run(door.open()).edge == opened
    except (UnavailableError, RefusedError) as error:
        assert error.message == opened  # noqa: PT017 - the other outcome is no error
    assert (door.kept.shown is None) == ("revoked" in opened)


def test_no_edge_answers_in_time(monkeypatch):
    class Connector:
        def __init__(self, *_: Any) -> None:
            return

        async def __call__(self, _edge: EdgeInfo) -> Any:
            await asyncio.sleep(60)

    monkeypatch.setattr(channel, "EdgeConnector", Connector)
    monkeypatch.setattr(channel, "DIAL_SECONDS", 0.01)
    monkeypatch.setattr(OneDoor, "edges", edges(1))
    with pytest.raises(UnavailableError, match="in time"):
        asyncio.run(OneDoor(None, None, "orders").open())


def test_a_cancel_request_goes_through_a_link_of_its_own(run, contexts, monkeypatch):
    async def main() -> None:
        edge, ours = await tls_pair(contexts)
        controls = Controls.new()

        async def open_one(_door: Door) -> EdgeLink:
            return EdgeLink(ours, controls, "e1")

        monkeypatch.setattr(OneDoor, "open", open_one)
        door = OneDoor(None, None, "orders")
        asking = asyncio.ensure_future(door.cancel((7, b"key!")))
        assert await read_some(edge, MAX_LINE) == startup.cancel(7, b"key!")
        await write_all(edge, controls.end)
        await asking
        assert ours.fileno() == -1
        with pytest.raises(UnavailableError, match="cannot be asked"):
            await door.cancel((0, b""))
        edge.close()

    run(main())


def test_an_edge_that_does_not_say_that_it_cancelled(run, contexts, monkeypatch):
    async def main() -> None:
        edge, ours = await tls_pair(contexts)

        async def open_one(_door: Door) -> EdgeLink:
            return EdgeLink(ours, Controls.new(), "e1")

        monkeypatch.setattr(OneDoor, "open", open_one)
        monkeypatch.setattr(channel, "CANCEL_SECONDS", 0.01)
        with pytest.raises(UnavailableError, match="did not say"):
            await OneDoor(None, None, "orders").cancel((7, b"key!"))
        edge.close()

    run(main())


def test_a_key_in_memory_is_shown(tls_keys):
    key = keys.generate()
    leaf = tls_keys.users.issue("alice", key, [chain.CLIENT_AUTH])
    roots = pem.join([tls_keys.servers.certificate])
    made = channel._context(keys.to_pem(key, None), pem.join([leaf]), roots)
    assert made.minimum_version is ssl.TLSVersion.TLSv1_3
    assert (made.check_hostname, made.verify_mode) == (True, ssl.CERT_REQUIRED)
    (root,) = made.get_ca_certs()
    assert root["serialNumber"] == f"{tls_keys.servers.certificate.serial_number:X}".zfill(
        len(root["serialNumber"])
    )


def test_which_edges_lead_there_and_for_whom(api, admin, edge, store):
    assert edge is not None
    api.add("alice", "dba")
    alice = api.device("alice")
    declare(admin, aware())
    context = api.client.app.state.context
    with store.read() as connection:
        session = sessions.find(connection, alice.token, context.now())
    found = Door(context, session, "orders")._edges()
    assert [(each.name, str(each.address)) for each in found] == [("e1", "e1.test:7432")]
    with pytest.raises(DeniedError, match="no access to stock"):
        Door(context, session, "stock")._edges()
    door = Door(context, session, "orders")
    with api.client.begin() as loop:
        shown = loop.call(door._shown)
        assert shown.verify_mode is ssl.CERT_REQUIRED
        assert loop.call(door._shown) is shown
        door.kept.until = 0.0
        again = loop.call(door._shown)
        assert again is not shown
        door.kept.address = "192.0.2.7"
        assert loop.call(door._shown) is not again
