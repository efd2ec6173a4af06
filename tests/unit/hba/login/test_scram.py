import hashlib
import hmac
from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.core.errors import UnavailableError
from pgward.hba.login import scram

# RFC 7677, section 3.
NONCE = "rOprNGfwEbeRWgbNEkqO"
FIRST = f"r={NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"

END_POINT = "p=tls-server-end-point,,"


def test_the_exchange_of_the_rfc() -> None:
    client = scram.Client("pencil", NONCE)
    client._bare = f"n=user,r={NONCE}"  # PostgreSQL has the name from the startup message
    proof = client.final(FIRST.encode()).decode().rpartition("p=")[2]
    assert proof == "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    client.check(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


@pytest.mark.parametrize(
    ("offered", "binding", "mechanism", "first", "bound"),
    [
        ((scram.MECHANISM,), None, scram.MECHANISM, "n,,", b"n,,"),
        ((scram.MECHANISM,), b"\1", scram.MECHANISM, "y,,", b"y,,"),
        ((scram.BOUND, scram.MECHANISM), None, scram.MECHANISM, "n,,", b"n,,"),
        (
            (scram.BOUND,),
            b"\1",
            scram.BOUND,
            "p=tls-server-end-point,,",
            b"p=tls-server-end-point,,\1",
        ),
    ],
)
def test_bound_to_tls_where_both_can(offered, binding, mechanism, first, bound) -> None:
    client = scram.Client.choose("pencil", NONCE, offered, binding)
    assert client.mechanism == mechanism
    assert client.first().decode() == f"{first}n=,r={NONCE}"
    said = client.final(FIRST.encode()).decode().partition(",")[0]
    assert b64decode(said.removeprefix("c=")) == bound


def test_nothing_that_is_known_is_offered() -> None:
    assert scram.Client.choose("pencil", NONCE, ("OAUTHBEARER",), b"\1") is None
    assert scram.Client.choose("pencil", NONCE, (scram.BOUND,), None) is None


def test_what_is_stored_is_not_what_logs_in() -> None:
    text = scram.stored("pencil", b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    assert text.startswith("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$")
    salted = hashlib.pbkdf2_hmac("sha256", b"pencil", b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096)
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
        f"r={NONCE}x,s=AA==,i=100001",
        f"r={NONCE}x,s=AA==,i=99999999999999999999",
        f"r={NONCE}x,s=A,i=4096",
        f"r={NONCE}x,s=AA==,i=x",
    ],
)
def test_an_answer_that_is_none(said) -> None:
    with pytest.raises(UnavailableError):
        scram.Client("pencil", NONCE).final(said.encode())


def test_a_server_that_does_not_know_the_password() -> None:
    client = scram.Client("pencil", NONCE)
    client.final(FIRST.encode())
    for said in (b"v=AAAA", b"v=*", b"", b"e=other-error"):
        with pytest.raises(UnavailableError):
            client.check(said)


@given(st.binary(max_size=100))
def test_any_bytes(said) -> None:
    client = scram.Client("pencil", NONCE)
    for read in (client.final, client.check):
        with pytest.raises(UnavailableError):
            read(said)
