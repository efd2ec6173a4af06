import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.pgwire import backend, frontend, login_in, scram, startup
from pgward.pgwire.errors import LoginFailedError, WireError
from pgward.pgwire.login_in import Agreed, PasswordIn
from pgward.pgwire.login_out import LoginOut
from pgward.pgwire.scram import Verifier

FEW = str(Verifier.make(b"pencil", b"salt", 2))


def asking(**more) -> PasswordIn:
    how = {"binding": None, "nonce": "fresh", "plain": False} | more
    return PasswordIn(how.pop("verifier", FEW), **how)


def client(password: bytes = b"pencil", binding: bytes | None = None, minor: int = 0) -> LoginOut:
    return LoginOut(
        {"user": "ann"},
        password=password,
        tls="verified",
        binding=binding,
        minor=minor,
        nonce="abc",
    )


def talk(one: LoginOut, other: PasswordIn) -> bool | None:
    """Have both talk until it is known whether the password is right."""
    said = other.begin()
    while other.outcome is None and (answer := one.receive(said)):
        said = other.receive(answer)
    if other.outcome:
        one.receive(said + login_in.welcome({"server_version": "18.4"}, (7, b"abcd")))
    return other.outcome


def first(minor: int, *options: str) -> startup.Startup:
    named = dict.fromkeys(options, "1")
    made = startup.read(startup.startup({"user": "ann", **named}, minor))
    assert isinstance(made, startup.Startup)
    return made


@pytest.mark.parametrize("binding", [None, b"end point"])
@pytest.mark.parametrize("plain", [True, False])
def test_the_right_password_and_a_wrong_one(plain, binding) -> None:
    one = client(binding=binding)
    assert talk(one, asking(plain=plain, binding=binding)) is True
    assert (one.done, one.parameters, one.key) == (
        True,
        {"server_version": "18.4"},
        (7, b"abcd"),
    )
    best = scram.MECHANISM if binding is None else scram.BOUND
    assert one.method == ("password" if plain else best)
    other = asking(plain=plain, binding=binding)
    assert talk(client(b"pen", binding), other) is False


def test_an_unknown_user_is_asked_as_any_other() -> None:
    mock = asking(verifier=str(Verifier.mock(b"secret", "nobody")))
    known = asking(verifier=scram.stored("pencil", bytes(16)))
    hello = frontend.sasl_initial(scram.MECHANISM, b"n,,n=,r=abc")
    said = [each.begin() + each.receive(hello) for each in (mock, known)]
    assert len(said[0]) == len(said[1])
    assert talk(client(), asking(verifier=str(Verifier.mock(b"secret", "nobody")))) is False


def test_what_is_sent_behind_the_proof_is_kept() -> None:
    made = asking(plain=True)
    assert made.receive(frontend.password("pencil") + b"Q\0") == b""
    assert made.receive(b"\0\0") == b""
    assert (made.outcome, made.rest) == (True, b"Q\0\0\0")


@pytest.mark.parametrize(
    "said",
    [
        frontend.query("select 1"),
        frontend.terminate(),
        b"p\x7f\0\0\0",
        frontend.password("x" * 9000),
        frontend.sasl_response(b"no mechanism"),
        frontend.sasl_initial(scram.MECHANISM, None),
        frontend.sasl_initial("PLAIN", b"n,,n=,r=abc"),
        frontend.sasl_initial(scram.BOUND, b"p=tls-server-end-point,,n=,r=abc"),
    ],
)
def test_what_is_no_proof(said) -> None:
    with pytest.raises(WireError):
        asking().receive(said)


@pytest.mark.parametrize(
    ("asked", "agreed"),
    [
        (first(0), Agreed(0, b"")),
        (first(2), Agreed(2, b"")),
        (first(9999), Agreed(2, startup.negotiate(2, []))),
        (first(0, "_pq_.a"), Agreed(0, startup.negotiate(0, ["_pq_.a"]))),
    ],
)
def test_which_version_is_spoken(asked, agreed) -> None:
    assert login_in.agree(asked) == agreed


def test_a_version_that_both_ends_agree_on() -> None:
    one = client(minor=2)
    agreed = login_in.agree(first(2), most=0)
    one.receive(agreed.message)
    assert talk(one, asking()) is True
    assert (one.done, one.minor) == (True, 0)


def test_a_refusal_reaches_the_client() -> None:
    with pytest.raises(LoginFailedError, match="no such token"):
        client().receive(backend.error("FATAL", "28P01", "no such token"))


@given(st.lists(st.binary(max_size=20), max_size=5), st.booleans())
def test_garbage_is_never_let_in(pieces, plain) -> None:
    made = asking(plain=plain)
    try:
        for each in pieces:
            made.receive(each)
    except WireError:
        return
    assert not made.outcome
