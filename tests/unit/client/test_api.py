import socket
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
import trustme

from pgward.client import api
from pgward.client.api import ApiClient, MachineProver, PersonProver, pin
from pgward.client.trust import FingerprintError
from pgward.core.errors import DeniedError, InvalidInputError, PgwardError, UnavailableError
from pgward.pki import keys
from tests.fixtures.fake_ca import NOW, URL, error


def client(fake_ca, **options):
    return ApiClient.of(fake_ca.trust, clock=fake_ca.clock, **options)


def test_parameters_that_are_none_are_left_out(fake_ca):
    with client(fake_ca) as ca:
        ca.get("/v1/health", after=None, limit=5)
    assert str(fake_ca.requests[0].url) == f"{URL}/v1/health?limit=5"


@pytest.mark.parametrize("method", ["post", "put", "patch"])
def test_bodies_are_json(fake_ca, method):
    fake_ca.routes[f"{method.upper()} /v1/x"] = lambda body: {"got": body}
    with client(fake_ca) as ca:
        assert getattr(ca, method)("/v1/x", {"a": "é"}) == {"got": {"a": "é"}}


def test_no_content_is_an_empty_object(fake_ca):
    fake_ca.routes["DELETE /v1/x"] = httpx2.Response(204)
    with client(fake_ca) as ca:
        assert ca.delete("/v1/x") == {}


def test_bytes_are_as_they_are(fake_ca):
    fake_ca.routes["GET /v1/x.crl"] = httpx2.Response(200, content=b"\x30\x00")
    with client(fake_ca) as ca:
        assert ca.get_bytes("/v1/x.crl") == b"\x30\x00"


def test_every_request_has_a_new_proof_for_its_own_address(fake_ca):
    fake_ca.routes["GET /v1/users/a%2Fb@x"] = fake_ca.routes["GET /v1/users/a/b@x"] = {"ok": 1}
    with client(fake_ca, prover=PersonProver(keys.generate(), "token")) as ca:
        ca.get("/v1/users/a%2Fb%40x", q="1")
        ca.get("/v1/me")
        ca.get("/v1/me")
    proofs = {request.headers["DPoP"] for request in fake_ca.requests}
    assert len(proofs) == 3
    assert {request.headers["Authorization"] for request in fake_ca.requests} == {"DPoP token"}


def test_before_a_login_there_is_a_proof_and_no_token(fake_ca):
    with client(fake_ca, prover=PersonProver(keys.generate())) as ca:
        ca.get("/v1/health")
    assert "Authorization" not in fake_ca.requests[0].headers
    assert "DPoP" in fake_ca.requests[0].headers


def test_a_machine_proves_itself_by_its_certificate(fake_ca):
    with client(fake_ca, prover=MachineProver(fake_ca._key, [fake_ca.root])) as ca:
        ca.get("/v1/health")
    assert "Authorization" not in fake_ca.requests[0].headers


def test_errors_are_our_own(fake_ca):
    fake_ca.routes["GET /v1/x"] = error("denied", "not for you", hint="ask")
    with client(fake_ca) as ca, pytest.raises(DeniedError, match="not for you"):
        ca.get("/v1/x")


def test_a_redirect_is_not_followed(fake_ca):
    fake_ca.routes["GET /v1/x"] = httpx2.Response(302, headers={"Location": "https://evil.test"})
    with client(fake_ca) as ca, pytest.raises(UnavailableError, match="HTTP status 302"):
        ca.get("/v1/x")
    assert len(fake_ca.requests) == 1


def test_an_endless_answer_is_cut(fake_ca, monkeypatch):
    monkeypatch.setattr(api, "_MAX_ANSWER", 1000)
    fake_ca.routes["GET /v1/x"] = httpx2.Response(200, content=b"x" * 1001)
    with client(fake_ca) as ca, pytest.raises(UnavailableError, match="more than 1000 bytes"):
        ca.get("/v1/x")


def test_a_wrong_clock_is_named_when_a_proof_is_refused(fake_ca):
    fake_ca.ahead = timedelta(seconds=300)
    fake_ca.routes["GET /v1/x"] = error("denied", "the proof is stale")
    with client(fake_ca) as ca, pytest.raises(PgwardError, match="300 seconds behind that of"):
        ca.get("/v1/x")


def test_the_clock_can_be_checked_after_any_answer(fake_ca):
    with client(fake_ca) as ca:
        ca.get("/v1/health")
        ca.check_clock()
        fake_ca.ahead = timedelta(seconds=-61)
        ca.get("/v1/health")
        with pytest.raises(PgwardError, match="61 seconds ahead of") as caught:
            ca.check_clock()
    assert "set the clock" in str(caught.value.hint)


@pytest.mark.parametrize("date", ["", "yesterday", "Sat, 21 Nov 2026 12:00:00"])
def test_a_strange_date_is_no_clock(fake_ca, monkeypatch, date):
    monkeypatch.setattr("tests.fixtures.fake_ca.format_datetime", lambda *_args, **_kw: date)
    with client(fake_ca) as ca:
        ca.get("/v1/health")
        ca.check_clock()


def test_pinning_takes_the_root_and_then_verifies(fake_ca):
    assert pin(URL, fake_ca.fingerprint.lower(), clock=fake_ca.clock) == fake_ca.trust
    assert fake_ca.calls == ["GET /v1/trust", "GET /v1/health"]


def test_pinning_asks_nothing_more_of_an_impostor(fake_ca):
    with pytest.raises(FingerprintError):
        pin(URL, "0" * 64, clock=fake_ca.clock)
    assert fake_ca.calls == ["GET /v1/trust"]


def test_a_fingerprint_that_is_none_is_refused_before_any_call(fake_ca):
    with pytest.raises(InvalidInputError, match="not a fingerprint"):
        pin(URL, "abc")
    assert fake_ca.calls == []


@pytest.mark.parametrize(
    "answer",
    [{}, {"server_roots": None}, {"server_roots": [1]}, {"server_roots": ["no PEM"]}],
)
def test_pinning_something_that_is_no_ca(fake_ca, answer):
    fake_ca.routes["GET /v1/trust"] = answer
    with pytest.raises(UnavailableError, match="does not answer as a pgward CA does"):
        pin(URL, fake_ca.fingerprint)


# Real sockets and TLS from here on.


@contextmanager
def serving(answer):
    """Accept connections on a port, and give each to ``answer``; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        answer(connection)
                    except OSError:
                        continue  # the client left: what it saw is what the test is about

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def over_tls(certificate: trustme.LeafCert, reply: bytes):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(65536)
            secure.sendall(reply)

    return answer


REPLY = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\nConnection: close\r\n\r\n{"status":"ok"}'


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


def ask(authority: trustme.CA, port: int, host: str = "localhost", timeout: float = 5):
    root = authority.cert_pem.bytes().decode()
    with ApiClient(f"https://{host}:{port}", [root], timeout=timeout) as ca:
        return ca.get("/v1/health")


def failure(authority: trustme.CA, port: int, host: str = "localhost", timeout: float = 5) -> str:
    with pytest.raises(UnavailableError) as caught:
        ask(authority, port, host, timeout)
    assert caught.value.message.startswith(f"the CA at {host}:{port} ")
    return caught.value.message.removeprefix(f"the CA at {host}:{port} ")


def test_a_server_of_the_root_and_name_is_spoken_to(authority):
    with serving(over_tls(authority.issue_cert("localhost"), REPLY)) as port:
        assert ask(authority, port) == {"status": "ok"}


def test_a_certificate_for_another_name(authority):
    with serving(over_tls(authority.issue_cert("other.test"), REPLY)) as port:
        assert failure(authority, port).startswith("has a certificate for another name")


def test_a_certificate_of_another_root(authority):
    stranger = trustme.CA(key_type=trustme.KeyType.ECDSA)
    with serving(over_tls(stranger.issue_cert("localhost"), REPLY)) as port:
        expected = "has a certificate that does not come from the pinned root"
        assert failure(authority, port) == expected


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (
            {"not_after": datetime(2020, 1, 1, tzinfo=UTC)},
            "has an expired certificate",
        ),
        (
            {"not_before": NOW.replace(year=2090), "not_after": NOW.replace(year=2091)},
            "has a certificate that is not valid yet",
        ),
    ],
)
def test_a_certificate_at_the_wrong_time(authority, dates, expected):
    with serving(over_tls(authority.issue_cert("localhost", **dates), REPLY)) as port:
        assert failure(authority, port) == expected


def test_a_server_without_tls(authority):
    with serving(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad\r\n\r\n")) as port:
        assert failure(authority, port).startswith("does not speak TLS as expected (")


def test_a_server_that_hangs_up(authority):
    with serving(lambda connection: connection.recv(1)) as port:
        message = failure(authority, port)
    assert "TLS" in message or "reached" in message or "broke" in message


def test_a_server_that_says_nothing(authority):
    released = threading.Event()
    with serving(lambda _: released.wait(20)) as port:
        message = failure(authority, port, timeout=0.3)
        released.set()
    assert message == "cannot be reached in time"


def test_a_server_that_never_answers(authority):
    released = threading.Event()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True):
            released.wait(20)

    with serving(answer) as port:
        message = failure(authority, port, timeout=0.5)
        released.set()
    assert message == "did not answer in time"


def test_a_port_where_nobody_listens(authority):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert failure(authority, port, "127.0.0.1") == "refuses connections"


def test_a_host_that_does_not_exist(authority):
    message = failure(authority, 8443, "no-such-host.invalid")
    assert message == "has a host name that cannot be found"
