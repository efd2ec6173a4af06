"""People without a certificate, over real TLS; the CA is a table of what it would say."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from pgward.core import handles
from pgward.core.errors import DeniedError, NotFoundError, TooManyRequestsError, UnavailableError
from pgward.core.handles import new_one_time, new_token_id
from pgward.pgwire import backend, frontend, startup
from pgward.pgwire.framing import Framer
from pgward.pgwire.scram import Client, Verifier
from pgward.tunnel.edge.aware import reception
from pgward.tunnel.edge.aware.reception import Reception
from pgward.tunnel.edge.aware.strangers import WRONG, Strangers
from pgward.tunnel.edge.cancels import Cancels
from pgward.tunnel.preface import Reason, RefusedError
from tests.fixtures.links import tls_pair

ENDS = datetime(2027, 1, 1, tzinfo=UTC)
PASSWORD = b"a secret of 32 random bytes or so"
LOGIN = {
    "user": "alice",
    "service": "orders",
    "session": "s1",
    "session_ends": "2027-01-01T00:00:00Z",
    "method": "password",
    "factors": ["totp"],
    "device": None,
}
TOKEN = new_token_id()


class Ca:
    """Answers each call with what is next: an answer, or an error to raise."""

    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, dict]] = []

    def call(self, method, path, fields):
        self.asked.append((method, path, dict(fields)))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def token_facts() -> dict:
    ends = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    verifier = str(Verifier.make(PASSWORD, b"sixteen bytes ok"))
    return {**LOGIN, "verifier": verifier, "expires_at": ends}


def received(run, contexts, ca, user, *, prove=None, cancels=None, said=None, strangers=None):
    """Return the guest that is made of a client's bytes."""

    async def main():
        edge, client = await tls_pair(contexts)
        reception = Reception(
            ca,
            cancels or Cancels(),
            binding=lambda: None,
            mocking=b"m" * 32,
            strangers=Strangers() if strangers is None else strangers,
        )
        client.write(said or startup.startup({"user": user, "database": "app"}))
        receiving = asyncio.create_task(reception.receive(edge, "10.0.0.7:5555"))
        proving = asyncio.create_task(asyncio.to_thread(prove, client.socket)) if prove else None
        try:
            guest = await receiving
            await asyncio.gather(*reception._uses._telling)
            return guest
        finally:
            client.socket.setblocking(False)
            if proving is not None:
                await proving
            client.close()
            edge.close()

    return run(main())


def proof(password: bytes, seen: list[bytes] | None = None):
    """Return a client that proves by SCRAM to know a password, on a blocking socket."""

    def prove(sock) -> None:
        sock.setblocking(True)
        framer = Framer()

        def asked() -> tuple[int, bytes]:
            while (found := framer.next()) is None:
                framer.feed(sock.recv(1000))
            return backend.read_authentication(found[1])

        offered = backend.read_mechanisms(asked()[1])
        exchange = Client.choose(password, "nonce", offered, None)
        assert exchange is not None
        sock.sendall(frontend.sasl_initial(exchange.mechanism, exchange.first()))
        challenge = asked()[1]
        if seen is not None:
            seen.append(challenge)
        sock.sendall(frontend.sasl_response(exchange.final(challenge)))

    return prove


@pytest.mark.parametrize("role", ["", "reader~"])
def test_a_one_time_password_says_who_it_is_and_what_is_wanted(run, contexts, role):
    ca, one_time = Ca(LOGIN), new_one_time()
    guest = received(run, contexts, ca, role + one_time)
    assert guest is not None
    assert (guest.peer.user, guest.service, guest.peer.login) == ("alice", "orders", "s1")
    assert (guest.peer.not_after, guest.peer.token) == (ENDS, None)
    begun = startup.read(guest.first)
    assert isinstance(begun, startup.Startup)
    assert handles.read(begun.user).role == (role.rstrip("~") or None)
    ((method, path, fields),) = ca.asked
    assert (method, path) == ("POST", "/v1/edges/self/otp/redeem")
    assert fields["client"] == "10.0.0.7"
    assert one_time not in str(ca.asked)


def test_a_token_is_proved_by_scram(run, contexts):
    guest = received(run, contexts, Ca(token_facts()), TOKEN, prove=proof(PASSWORD))
    assert guest is not None
    assert (guest.peer.user, guest.peer.token, guest.peer.login) == ("alice", TOKEN, "s1")


def test_the_ca_hears_of_a_tokens_use_when_its_secret_was_proved(run, contexts):
    ca = Ca({**token_facts(), "seen_lately": False}, {"change": "updated"})
    received(run, contexts, ca, TOKEN, prove=proof(PASSWORD))
    assert [each[:2] for each in ca.asked] == [
        ("GET", f"/v1/edges/self/tokens/{TOKEN}"),
        ("POST", f"/v1/edges/self/tokens/{TOKEN}/uses"),
    ]
    ca = Ca({**token_facts(), "seen_lately": False})
    with pytest.raises(RefusedError):
        received(run, contexts, ca, TOKEN, prove=proof(b"wrong"))
    assert [each[0] for each in ca.asked] == ["GET"]


@pytest.mark.parametrize(
    ("wrong", "user", "prove"),
    [
        (DeniedError("no"), new_one_time(), None),
        (None, TOKEN, proof(b"wrong")),
    ],
    ids=["one-time password", "token"],  # or else each worker of a run would name them otherwise
)
def test_who_guesses_is_refused_and_the_ca_not_asked(run, contexts, wrong, user, prove):
    strangers = Strangers()
    for _ in range(int(WRONG.burst)):
        ca = Ca(wrong or token_facts())
        with pytest.raises(RefusedError) as caught:
            received(run, contexts, ca, user, prove=prove, strangers=strangers)
        assert caught.value.reason is Reason.DENIED
    ca = Ca()
    with pytest.raises(RefusedError, match="too many wrong logins") as caught:
        received(run, contexts, ca, user, strangers=strangers)
    assert (caught.value.reason, ca.asked) == (Reason.LIMIT, [])


def test_while_the_ca_is_away_nobody_was_wrong(run, contexts):
    strangers = Strangers()
    for _ in range(int(WRONG.burst) + 1):
        with pytest.raises(RefusedError) as caught:
            received(
                run, contexts, Ca(UnavailableError("away")), new_one_time(), strangers=strangers
            )
        assert caught.value.reason is Reason.UNREACHABLE


def test_a_token_that_is_not_there_looks_as_one_with_another_password(run, contexts):
    told, challenges = [], []
    answers = (token_facts(), NotFoundError("none"), DeniedError("no"), NotFoundError("none"))
    for answer in answers:
        with pytest.raises(RefusedError) as caught:
            received(run, contexts, Ca(answer), TOKEN, prove=proof(b"wrong", challenges))
        told.append((caught.value.reason, caught.value.message))
    assert len(set(told)) == 1
    assert told[0][0] is Reason.DENIED
    salts = [challenge.split(b",")[1] for challenge in challenges]
    assert salts[1] == salts[2] == salts[3] != salts[0]
    assert {challenge.split(b",")[2] for challenge in challenges} == {b"i=4096"}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DeniedError("used"), Reason.DENIED),
        (NotFoundError("unknown"), Reason.DENIED),
        (TooManyRequestsError("too many guesses"), Reason.LIMIT),
        (UnavailableError("the CA is away"), Reason.UNREACHABLE),
    ],
)
def test_what_the_ca_does_not_allow(run, contexts, error, reason):
    with pytest.raises(RefusedError) as caught:
        received(run, contexts, Ca(error), new_one_time())
    assert caught.value.reason is reason


@pytest.mark.parametrize("user", [new_one_time(), TOKEN], ids=["one-time", "token"])
def test_a_ca_that_says_nothing_is_not_waited_for(run, contexts, monkeypatch, user):
    async def never(*_arguments, **_named):
        await asyncio.Event().wait()

    monkeypatch.setattr(reception, "CA_SECONDS", 0.05)
    monkeypatch.setattr(reception.asking, "for_stranger", never)
    with pytest.raises(RefusedError) as caught:
        received(run, contexts, Ca(), user)
    assert caught.value.reason is Reason.UNREACHABLE


def test_a_token_while_the_ca_is_away(run, contexts):
    with pytest.raises(RefusedError) as caught:
        received(run, contexts, Ca(UnavailableError("away")), TOKEN)
    assert caught.value.reason is Reason.UNREACHABLE


def test_somebody_who_shows_nothing_is_told_what_to_show(run, contexts):
    ca = Ca()
    with pytest.raises(RefusedError, match="a one-time password or a token") as caught:
        received(run, contexts, ca, "alice")
    assert caught.value.reason is Reason.DENIED
    assert ca.asked == []


def test_nonsense_is_refused(run, contexts):
    with pytest.raises(RefusedError) as caught:
        received(run, contexts, Ca(), "", said=b"GET / HTTP/1.1\r\n\r\n")
    assert caught.value.reason is Reason.PROTOCOL
    with pytest.raises(RefusedError):  # a query where a proof is asked for
        received(
            run,
            contexts,
            Ca(token_facts()),
            TOKEN,
            said=startup.startup({"user": TOKEN}) + frontend.query(b"select 1"),
        )


def test_a_cancel_request_inside_of_tls(run, contexts):
    calls = []
    cancels = Cancels()

    async def cancel() -> None:
        calls.append(1)

    pid, key = cancels.issue(cancel, long=True)
    said = startup.cancel(pid, key)
    assert received(run, contexts, Ca(), "", cancels=cancels, said=said) is None
    assert calls == [1]
