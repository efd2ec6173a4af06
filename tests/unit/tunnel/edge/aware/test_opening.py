import asyncio
import json

import pytest

from pgward.audit.tape.frames import CLOSE, DENIED, NOTE, OPEN, UP, TapeFullError
from pgward.client.edge_calls import LoginFacts
from pgward.core.errors import UnavailableError
from pgward.pgwire import backend, frontend, startup
from pgward.pgwire.framing import Framer
from pgward.policy.model import Condition, Effect, How, Policy, Rule
from pgward.tunnel.edge.aware import opening as module
from pgward.tunnel.edge.secrets.credentials import Session
from pgward.tunnel.edge.upstreams.errors import UpstreamError
from pgward.tunnel.preface import Reason, RefusedError
from tests.fixtures.aware_sessions import ALICE, GUEST, World, service


def messages(data: bytes) -> list[tuple[bytes, bytes]]:
    framer = Framer()
    framer.feed(data)
    return list(iter(framer.next, None))


def test_both_logins_end_and_a_session_begins(run, contexts):
    async def main() -> None:
        world = await World.make(contexts)
        live = await world.open(database="mine", application_name="report")
        assert live is not None
        ((_, landed, credentials, minor),) = world.upstreams.asked
        assert (landed.user, landed.database, minor) == ("app", "prod", 0)
        assert credentials.password == b"password"
        said = messages(await world.heard())
        assert [kind for kind, _ in said] == [b"R", b"S", b"S", b"K", b"Z"]
        pid, key = backend.read_key_data(said[3][1])
        assert (pid, key) == live.key == (7, key)
        assert len(key) == 4
        assert key != b"key!"
        live.start()
        world.far.write(frontend.query(b"select 1"))
        (database,) = world.upstreams.databases
        got = await asyncio.get_running_loop().sock_recv(database, 100)
        assert got == frontend.query(b"select 1")
        assert world.tape.kinds() == [OPEN, UP]
        live.close()
        live.close()
        assert world.tape.kinds() == [OPEN, UP, CLOSE]
        assert world.sessions.live == {}
        assert await asyncio.get_running_loop().sock_recv(database, 100) == b""
        world.close()

    run(main())


def test_what_is_on_record_of_its_beginning(run, contexts):
    async def main() -> None:
        world = await World.make(contexts)
        await world.open(application_name="report", options="-c pgward.reason=TICKET-7")
        ((kind, number, data),) = world.tape.frames
        assert (kind, number) == (OPEN, 1)
        facts = json.loads(data)
        assert facts == {
            "user": "alice",
            "service": "orders",
            "database": "prod",
            "role": "app",
            "client": "10.0.0.7:5555",
            "application": "report",
            "edge": "e1",
            "method": "certificate",
            "serial": "1f",
            "upstream": "db:5432",
            "upstream_method": "scram",
            "upstream_encrypted": False,
            "reason": "TICKET-7",
            "recording": "none",
            "started": "2026-11-21T12:00:00Z",
        }
        world.close()

    run(main())


def test_what_the_client_said_behind_its_startup_is_not_lost(run, contexts):
    async def main() -> None:
        world = await World.make(contexts)
        said = startup.startup({"user": "alice"}) + frontend.query(b"select 1")
        live = await world.sessions.open(world.client, service(), said, lambda *_: None)
        assert live is not None
        live.start()
        got = await asyncio.get_running_loop().sock_recv(world.upstreams.databases[0], 100)
        assert got == frontend.query(b"select 1")
        assert world.tape.kinds() == [OPEN, UP]
        world.close()

    run(main())


def test_a_newer_protocol_has_longer_keys(run, contexts):
    async def main() -> None:
        world = await World.make(contexts)
        await world.open(minor=2)
        assert world.upstreams.asked[0][3] == 2
        said = messages(await world.heard())
        assert len(backend.read_key_data(dict(said)[b"K"])[1]) == 32
        world.close()

    run(main())


def test_a_protocol_of_the_future_is_negotiated_down(run, contexts):
    async def main() -> None:
        world = await World.make(contexts)
        await world.open(minor=9, **{"_pq_.wish": "1"})
        (kind, body), *_ = messages(await world.heard())
        assert kind == b"v"
        assert backend.read_negotiation(body) == (2, ("_pq_.wish",))
        assert "_pq_.wish" not in world.upstreams.asked[0][1].parameters
        world.close()

    run(main())


def test_a_cancel_request_is_no_session(run, contexts):
    async def main() -> None:
        world, calls = await World.make(contexts), []

        async def cancel() -> None:
            calls.append(1)

        pid, key = world.cancels.issue(cancel, long=False)
        said = startup.cancel(pid, key)
        assert await world.sessions.open(world.client, service(), said, print) is None
        assert calls == [1]
        assert world.tape.frames == []
        world.close()

    run(main())


def test_a_cancel_request_is_on_record_before_postgresql_gets_it(run, contexts, monkeypatch):
    async def main() -> None:
        world, passed = await World.make(contexts), []

        async def cancel(*_) -> None:
            passed.append(world.tape.kinds())

        monkeypatch.setattr(module, "cancel", cancel)
        live = await world.open()
        await world.cancels.request(*live.key)
        assert passed == [[OPEN, NOTE]]
        assert world.tape.frames[1][1:] == (live.number, b'{"cancel":true}')
        world.tape.full = TapeFullError("the disk is full")
        await world.cancels.request(*live.key)
        assert passed == [[OPEN, NOTE]]
        world.close()

    run(main())


DENIES = Policy("p", (Rule("r", Effect.DENY, Condition(How.MATCH, "true"), reason="no"),))
NOT_STAFF = Policy(
    "p", (Rule("r", Effect.ALLOW, Condition(How.MATCH, "'staff' in ctx.user.groups")),)
)


@pytest.mark.parametrize(
    ("peer", "wanted", "message", "sqlstate"),
    [
        (ALICE, service(DENIES), "no", "42501"),
        (ALICE, service(missing_policies=("gone",)), "policy gone does not exist", "28000"),
        (ALICE, service(default=None), "none of the service's configurations", "28000"),
        (ALICE, service(reason_required=True), "asks why you connect", "28000"),
        (ALICE, service(login=frozenset({"otp"})), "nobody in by a login certificate", "28000"),
        (GUEST, service(login=frozenset({"token"})), "nobody in by a one-time", "28000"),
    ],
)
def test_who_may_not_gets_no_login_at_postgresql(  # noqa: PLR0917 - pytest passes them by name
    run, contexts, peer, wanted, message, sqlstate
):
    async def main() -> None:
        world = await World.make(contexts, peer)
        with pytest.raises(RefusedError, match=message) as caught:
            await world.open(wanted)
        assert caught.value.sqlstate == sqlstate
        assert (world.upstreams.asked, world.tape.kinds()) == ([], [DENIED])
        world.close()

    run(main())


def test_what_is_on_record_of_a_denial(run, contexts):
    async def main() -> None:
        world = await World.make(contexts)
        with pytest.raises(RefusedError):
            await world.open(service(DENIES), user="root", application_name="report")
        ((kind, number, data),) = world.tape.frames
        assert (kind, number) == (DENIED, 1)
        assert json.loads(data) == {
            "user": "alice",
            "service": "orders",
            "client": "10.0.0.7:5555",
            "application": "report",
            "edge": "e1",
            "rule": "p/r",
            "reason": "no",
            "sqlstate": "42501",
            "method": "certificate",
            "serial": "1f",
            "asked_user": "root",
        }
        world.close()

    run(main())


def test_groups_are_what_the_ca_says(run, contexts):
    async def main() -> None:
        world = await World.make(contexts)
        await world.open(service(NOT_STAFF))
        assert json.loads(world.tape.frames[0][2])["rule"] == "p/r"
        world.close()

    run(main())


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", bytes(8), b"\0\0\0\x08\0\x02\0\0"])
def test_nonsense_never_reaches_postgresql(run, contexts, said):
    async def main() -> None:
        world = await World.make(contexts)
        with pytest.raises(RefusedError) as caught:
            await world.sessions.open(world.client, service(), said, print)
        assert caught.value.reason is Reason.PROTOCOL
        assert world.upstreams.asked == []
        world.close()

    run(main())


def test_a_client_that_says_too_little(run, contexts, monkeypatch):
    monkeypatch.setattr(module, "HELLO_SECONDS", 0.01)

    async def main() -> None:
        world = await World.make(contexts)
        with pytest.raises(RefusedError, match="said too little"):
            await world.sessions.open(world.client, service(), b"\0\0", print)
        world.close()

    run(main())


def test_a_secret_that_was_changed_is_asked_for_again(run, contexts):
    async def main() -> None:
        world = await World.make(contexts)
        world.keyring.other = b"new"
        world.upstreams.troubles = [UpstreamError("wrong", fields={"C": "28P01"})]
        assert await world.open() is not None
        assert [each[2].password for each in world.upstreams.asked] == [b"password", b"new"]
        world.close()

    run(main())


@pytest.mark.parametrize(
    ("other", "logins"),
    [(None, 1), (b"new", 2)],
)
def test_of_the_edges_own_credentials_the_client_learns_nothing(
    run, contexts, caplog, other, logins
):
    async def main() -> None:
        world = await World.make(contexts)
        world.keyring.other = other
        error = UpstreamError("password authentication failed for app", fields={"C": "28P01"})
        world.upstreams.troubles = [error] * logins
        with pytest.raises(RefusedError, match="the database does not let the edge in") as caught:
            await world.open()
        assert "app" not in caught.value.message + (caught.value.hint or "")
        assert len(world.upstreams.asked) == logins
        world.close()

    run(main())
    assert "authentication failed for app" in caplog.text


def test_what_postgresql_says_otherwise_is_passed_on(run, contexts):
    async def main() -> None:
        world = await World.make(contexts)
        world.upstreams.troubles = [UpstreamError("too many clients", fields={"C": "53300"})]
        with pytest.raises(RefusedError, match="too many clients") as caught:
            await world.open()
        assert caught.value.sqlstate == "53300"
        world.close()

    run(main())


def test_no_secret_no_session(run, contexts):
    async def main() -> None:
        world = await World.make(contexts)
        world.keyring.password = UnavailableError("the CA is away")
        with pytest.raises(RefusedError, match="nothing to log in to orders with"):
            await world.open()
        world.close()

    run(main())


def test_no_room_on_tape_no_session(run, contexts):
    async def main() -> None:
        world = await World.make(contexts)
        world.tape.full = TapeFullError("the disk is full")
        with pytest.raises(RefusedError, match="no room to put sessions on record") as caught:
            await world.open()
        assert caught.value.sqlstate == "53100"
        assert world.upstreams.asked == []
        world.close()

    run(main())


def test_a_client_that_is_gone_leaves_nothing_behind(run, contexts):
    async def main() -> None:
        world = await World.make(contexts)
        world.far.socket.shutdown(2)
        with pytest.raises(OSError, match=r"[Bb]roken pipe|EOF|reset"):
            await world.open()
        assert world.sessions.live == {}
        assert world.tape.kinds() == [OPEN, CLOSE]
        assert await asyncio.get_running_loop().sock_recv(world.upstreams.databases[0], 1) == b""
        world.close()

    run(main())


def test_a_client_that_does_not_listen_keeps_no_connection_to_postgresql(
    run, contexts, monkeypatch
):
    monkeypatch.setattr(module, "HELLO_SECONDS", 0.05)

    async def never(_talk, _data) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(module.Talk, "say", never)

    async def main() -> None:
        world = await World.make(contexts)
        with pytest.raises(TimeoutError):
            await world.open()
        assert world.sessions.live == {}
        assert await asyncio.get_running_loop().sock_recv(world.upstreams.databases[0], 1) == b""
        world.close()

    run(main())


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        (ALICE, Session("orders", "alice", "app", serial="1f")),
        (GUEST, Session("orders", "alice", "app", session="s1")),
    ],
)
def test_credentials_are_asked_for_in_the_name_of_whoever_came(run, contexts, peer, expected):
    async def main() -> None:
        world = await World.make(contexts, peer)
        await world.open()
        assert world.keyring.asked == [expected]
        world.close()

    run(main())


TRUSTED = Policy(
    "p", (Rule("r", Effect.ALLOW, Condition(How.MATCH, "ctx.device.trusted && ctx.session.mfa")),)
)


@pytest.mark.parametrize(
    ("known", "lets_in"),
    [
        (LoginFacts("a@x", ("password", "totp"), "d1", device_approved=True, posture={}), True),
        (LoginFacts("a@x", ("password", "totp"), "d1", device_approved=False, posture={}), False),
        (LoginFacts("a@x", ("password",), "d1", device_approved=True, posture={}), False),
        (None, False),
    ],
)
def test_what_rules_want_to_know_of_a_login_the_ca_is_asked(run, contexts, known, lets_in):
    async def main() -> None:
        world = await World.make(contexts)
        world.logins.known = known
        if lets_in:
            assert await world.open(service(TRUSTED)) is not None
        else:
            with pytest.raises(RefusedError):
                await world.open(service(TRUSTED))
        assert world.logins.asked == [("orders", ALICE)]
        world.close()

    run(main())


@pytest.mark.parametrize(
    ("known", "ends"),
    [
        (LoginFacts("a@x", ("password", "totp"), "d1", device_approved=True, posture={}), False),
        (None, True),
    ],
)
def test_the_ca_is_asked_about_a_session_that_runs_where_rules_look_at_its_login_now(
    run, contexts, known, ends
):
    async def main() -> None:
        world = await World.make(contexts)
        world.logins.known = known
        live = await world.open()
        live.start()
        await world.heard()
        live.adopt(world.sessions.state(), service(TRUSTED))
        assert live.standing.ready.decided.asked.postgres.policies == ()
        await asyncio.gather(*world.sessions._tasks)
        assert world.logins.asked == [("orders", ALICE)]
        assert bool(world.ended) is ends
        if ends:
            assert b"no rule of policy p allows it" in await world.heard()
        else:
            assert live.standing.ready.decided.asked.postgres.policies == (TRUSTED,)
        world.close()

    run(main())


def test_nobody_is_asked_what_no_rule_wants_to_know(run, contexts):
    async def main() -> None:
        world = await World.make(contexts)
        await world.open(service(NOT_STAFF))
        assert world.logins.asked == []
        world.close()

    run(main())


def test_sessions_end_whose_tape_somebody_removed(run, contexts):
    async def main() -> None:
        world = await World.make(contexts)
        live = await world.open()
        live.start()
        world.sessions.look()
        assert live.relay.ended_by is None
        world.tape.is_gone = True
        world.sessions.look()
        assert live.relay.ended_by == (
            "53100",
            "what is said here is not put on record any more",
        )
        world.close()

    run(main())
