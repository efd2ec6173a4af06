import hashlib
import hmac
from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.pgwire import scram
from pgward.pgwire.errors import WireError
from pgward.pgwire.scram import Client, Server, Verifier

# RFC 7677, section 3.
NONCE = "rOprNGfwEbeRWgbNEkqO"
FIRST = f"r={NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
SALT = b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
FEW = Verifier.make(b"pencil", SALT, 2)  # so that tests do not take long
END_POINT = b"p=tls-server-end-point,,"


def talk(client: Client, server: Server) -> bytes | None:
    """Have both talk; return the server's last word, which the client has checked."""
    said = server.final(client.final(server.first(client.mechanism, client.first())))
    if said is not None:
        client.check(said)
    return said


def test_the_exchange_of_the_rfc() -> None:
    client = Client(b"pencil", NONCE)
    client._bare = f"n=user,r={NONCE}".encode()  # here the name is in the startup packet
    proof = client.final(FIRST.encode()).rpartition(b"p=")[2]
    assert proof == b"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    assert not client.is_proved
    client.check(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    assert client.is_proved


def test_the_servers_side_of_the_exchange_of_the_rfc() -> None:
    fresh = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    server = Server(Verifier.make(b"pencil", SALT), fresh, binding=None)
    assert server.first(scram.MECHANISM, f"n,,n=user,r={NONCE}".encode()) == FIRST.encode()
    final = f"c=biws,r={NONCE}{fresh},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    assert server.final(final.encode()) == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@pytest.mark.parametrize(
    ("offered", "binding", "mechanism", "first", "bound"),
    [
        ((scram.MECHANISM,), None, scram.MECHANISM, "n,,", b"n,,"),
        ((scram.MECHANISM,), b"\1", scram.MECHANISM, "y,,", b"y,,"),
        ((scram.BOUND, scram.MECHANISM), None, scram.MECHANISM, "n,,", b"n,,"),
        ((scram.BOUND,), b"\1", scram.BOUND, END_POINT.decode(), END_POINT + b"\1"),
    ],
)
def test_bound_to_tls_where_both_can(offered, binding, mechanism, first, bound) -> None:
    client = Client.choose(b"pencil", NONCE, offered, binding)
    assert client.mechanism == mechanism
    assert client.first().decode() == f"{first}n=,r={NONCE}"
    said = client.final(FIRST.encode()).decode().partition(",")[0]
    assert b64decode(said.removeprefix("c=")) == bound


def test_nothing_that_is_known_is_offered() -> None:
    assert Client.choose(b"pencil", NONCE, ("OAUTHBEARER",), b"\1") is None
    assert Client.choose(b"pencil", NONCE, (scram.BOUND,), None) is None


def test_what_is_stored_is_not_what_logs_in() -> None:
    text = scram.stored("pencil", SALT)
    assert text.startswith("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$")
    salted = hashlib.pbkdf2_hmac("sha256", b"pencil", SALT, 4096)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    assert b64encode(client_key).decode() not in text
    assert b64encode(hashlib.sha256(client_key).digest()).decode() in text


@pytest.mark.parametrize(
    "said",
    [
        "",
        "r=other,s=AA==,i=4096",
        f"r={NONCE},s=AA==,i=4096",
        f"r={NONCE}x,s=AA==,i=0",
        f"r={NONCE}x,s=AA==,i=1000001",
        f"r={NONCE}x,s=AA==,i=99999999999999999999",
        f"r={NONCE}x,s=AA==,i=00010000099999999999",
        f"r={NONCE}x,s=A,i=4096",
        f"r={NONCE}x,s=AA==,i=x",
    ],
)
def test_an_answer_that_is_none(said) -> None:
    with pytest.raises(WireError):
        Client(b"pencil", NONCE).final(said.encode())


def test_a_server_that_does_not_know_the_password() -> None:
    client = Client(b"pencil", NONCE)
    client.final(FIRST.encode())
    for said in (b"v=AAAA", b"v=*", b"", b"e=other-error"):
        with pytest.raises(WireError):
            client.check(said)


def test_keys_can_be_remembered() -> None:
    asked = []

    def salting(password: bytes, salt: bytes, iterations: int) -> bytes:
        asked.append((password, salt, iterations))
        return scram.salted(password, salt, iterations)

    server = Server(FEW, "abc", binding=None)
    client = Client.choose(b"pencil", NONCE, server.mechanisms, None, salting=salting)
    assert talk(client, server) is not None
    assert asked == [(b"pencil", SALT, 2)]


@pytest.mark.parametrize("both", [None, b"\1"])
@pytest.mark.parametrize("password", ["pencil", "Grüße\u00ad"])
def test_both_ends(both, password) -> None:
    verifier = Verifier.make(password.encode(), SALT, 2)
    server = Server(verifier, "abc", binding=both)
    client = Client.choose(password.encode(), NONCE, server.mechanisms, both)
    assert client.mechanism == server.mechanisms[0]
    assert talk(client, server) is not None
    assert client.is_proved


def test_a_wrong_password() -> None:
    server = Server(FEW, "abc", binding=None)
    assert talk(Client(b"pen", NONCE), server) is None
    with pytest.raises(WireError):  # and no second attempt
        server.final(b"c=biws,r=" + NONCE.encode() + b"abc,p=" + b64encode(bytes(32)))


def test_nobody_in_between_passes_a_password_on() -> None:
    server = Server(FEW, "abc", binding=b"ours")
    client = Client.choose(b"pencil", NONCE, server.mechanisms, b"another's")
    with pytest.raises(WireError, match="channel binding check failed"):
        talk(client, server)


def test_nobody_in_between_takes_the_offer_out() -> None:
    server = Server(FEW, "abc", binding=b"ours")
    client = Client.choose(b"pencil", NONCE, [scram.MECHANISM], b"ours")
    with pytest.raises(WireError, match="somebody may stand in between") as caught:
        talk(client, server)
    assert caught.value.sqlstate == "28000"


def test_a_client_that_could_bind_is_taken_where_nothing_is_offered() -> None:
    client = Client.choose(b"pencil", NONCE, [scram.MECHANISM], b"ours")
    assert client.first().startswith(b"y,,")
    assert talk(client, Server(FEW, "abc", binding=None)) is not None


def test_a_client_that_knows_no_binding_is_taken_where_it_is_offered() -> None:
    assert talk(Client(b"pencil", NONCE), Server(FEW, "abc", binding=b"ours")) is not None


@pytest.mark.parametrize(
    ("mechanism", "said", "wrong"),
    [
        ("PLAIN", b"n,,n=,r=abc", "not offered"),
        (scram.MECHANISM, b"", "is none"),
        (scram.MECHANISM, b"n,a=root,n=,r=abc", "somebody else"),
        (scram.MECHANISM, b"n,,r=abc", "is none"),
        (scram.MECHANISM, b"n,,m=x,n=,r=abc", "is none"),
        (scram.MECHANISM, b"n,,n=,r=", "is none"),
        (scram.MECHANISM, b"n,,n=,r=\xff", "is none"),
        (scram.MECHANISM, b"x,,n=,r=abc", "none of those offered"),
        (scram.MECHANISM, END_POINT + b"n=,r=abc", "none of those offered"),
        (scram.BOUND, b"n,,n=,r=abc", "none of those offered"),
        (scram.BOUND, b"p=tls-unique,,n=,r=abc", "none of those offered"),
    ],
)
def test_a_first_message_that_is_none(mechanism, said, wrong) -> None:
    with pytest.raises(WireError, match=wrong):
        Server(FEW, "fresh", binding=b"ours").first(mechanism, said)


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        (b"", "is none"),
        (b"c=biws,r=abcfresh", "is none"),
        (b"r=abcfresh,c=biws,p=AAAA", "is none"),
        (b"c=biws,r=abc,p=AAAA", "another exchange"),
        (b"c=biws,p=AAAA", "another exchange"),
        (b"c=eSws,r=abcfresh,p=AAAA", "check failed"),
        (b"c=biws,r=abcfresh,p=AAAA", "is none"),
        (b"c=biws,r=abcfresh,p=*", "is none"),
    ],
)
def test_a_final_message_that_is_none(said, wrong) -> None:
    server = Server(FEW, "fresh", binding=None)
    server.first(scram.MECHANISM, b"n,,n=,r=abc")
    with pytest.raises(WireError, match=wrong):
        server.final(said)


def test_a_final_message_without_a_first() -> None:
    with pytest.raises(WireError):
        Server(FEW, "fresh", binding=None).final(b"c=,r=fresh,p=AAAA")


def test_a_verifier_in_its_text_form() -> None:
    assert Verifier.read(str(FEW)) == FEW
    assert FEW.fits(b"pencil")
    assert not FEW.fits(b"pen")
    assert "stored_key" not in repr(FEW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "md54933d913ee8ea3c8d73c6322de31508f",
        str(FEW)[:-8],
        str(FEW).replace("$2:", "$0:"),
        str(FEW).replace("$2:", "$99999999:"),
        str(FEW) + "\n",
    ],
)
def test_a_verifier_that_is_none(text) -> None:
    with pytest.raises(WireError, match="no SCRAM-SHA-256 verifier"):
        Verifier.read(text)


def test_an_unknown_name_looks_like_any_other() -> None:
    mock = Verifier.mock(b"secret", "ann")
    assert mock == Verifier.mock(b"secret", "ann")
    assert mock.salt != Verifier.mock(b"secret", "bob").salt
    assert (mock.iterations, len(mock.salt)) == (scram.ITERATIONS, 16)
    assert Verifier.read(str(mock)) == mock
    assert talk(Client(b"pencil", NONCE), Server(mock, "abc", binding=None)) is None


@given(st.binary(max_size=100))
def test_any_bytes(said) -> None:
    client = Client(b"pencil", NONCE)
    for read in (client.final, client.check):
        with pytest.raises(WireError):
            read(said)
    server = Server(FEW, "fresh", binding=None)
    with pytest.raises(WireError):
        server.final(said)
    try:
        server.first(scram.MECHANISM, said)
    except WireError:
        return
    assert said.startswith((b"n,,", b"y,,"))
