"""A login as a transcript: what PostgreSQL says, and what is answered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.pgwire import backend, frontend, md5, scram, startup
from pgward.pgwire.demands import Demands
from pgward.pgwire.errors import (
    LoginFailedError,
    NotAdmittedError,
    UnwantedError,
    VersionRefusedError,
    WireError,
)
from pgward.pgwire.framing import Framer
from pgward.pgwire.login_out import LoginOut
from pgward.pgwire.scram import Server, Verifier

OK = backend.authentication(backend.AUTH_OK)
REST = (
    backend.parameter_status("server_version", "18.4")
    + backend.key_data(7, b"abcd")
    + backend.ready()
)
SASL = backend.authentication_sasl([scram.MECHANISM])
PLUS = backend.authentication_sasl([scram.BOUND, scram.MECHANISM])
CLEAR = backend.authentication(backend.AUTH_CLEAR_TEXT)
MD5 = backend.authentication_md5(b"salt")
BOUND = Demands(binding="require")
VERIFIER = Verifier.make(b"pencil", b"salt", 2)


def login(**more) -> LoginOut:
    how = {"password": b"pencil", "tls": "verified", "binding": None, "nonce": "abc"} | more
    return LoginOut({"user": "ann", "database": "shop"}, **how)


def proof(made: bytes) -> bytes:
    """Return the body of a password message."""
    framer = Framer()
    framer.feed(made)
    kind, body = framer.next()
    assert kind == b"p"
    return body


def scram_login(made: LoginOut, asked: bytes, server: Server) -> None:
    """Bring a login through SCRAM, up to before AuthenticationOk."""
    chosen = frontend.read_sasl_initial(proof(made.receive(asked)))
    first = server.first(chosen.mechanism, chosen.data)
    final = proof(made.receive(backend.authentication(backend.AUTH_SASL_GOES_ON, first)))
    said = server.final(final)
    assert said is not None
    assert made.receive(backend.authentication(backend.AUTH_SASL_ENDS, said)) == b""


def test_a_login_without_a_password() -> None:
    made = login(password=None)
    assert made.begin() == startup.startup({"user": "ann", "database": "shop"})
    notice = backend.notice("NOTICE", "00000", "hello")
    assert made.receive(OK + notice + REST + b"more") == b""
    assert made.done
    assert made.parameters == {"server_version": "18.4"}
    assert (made.key, made.minor, made.method) == ((7, b"abcd"), 0, "none")
    assert (made.notices, made.rest) == ([notice], b"more")
    assert made.receive(b" and more") == b""
    assert made.rest == b"more and more"


def test_a_password_in_clear_text_over_tls_only() -> None:
    made = login()
    assert made.receive(CLEAR) == frontend.password("pencil")
    assert made.receive(OK + REST) == b""
    assert (made.done, made.method) == (True, "password")
    with pytest.raises(UnwantedError, match="clear text over a connection without TLS"):
        login(tls="none").receive(CLEAR)
    with pytest.raises(UnwantedError, match="has not proved who it is"):
        login(tls="unverified").receive(CLEAR)


def test_md5() -> None:
    made = login(tls="none")
    assert made.receive(MD5) == frontend.password(md5.response(b"ann", b"pencil", b"salt"))
    made.receive(OK + REST)
    assert (made.done, made.method) == (True, "md5")


@pytest.mark.parametrize("binding", [None, b"end point"])
def test_scram(binding) -> None:
    made = login(binding=binding, demands=Demands() if binding is None else BOUND)
    server = Server(VERIFIER, "fresh", binding=binding)
    scram_login(made, SASL if binding is None else PLUS, server)
    assert made.receive(OK + REST) == b""
    assert (made.done, made.method) == (True, server.mechanisms[0])


def test_channel_binding_that_is_off_is_not_offered_though_the_server_offers_it() -> None:
    made = login(binding=b"end point", demands=Demands(binding="disable"))
    scram_login(made, PLUS, Server(VERIFIER, "fresh", binding=None))
    made.receive(OK + REST)
    assert made.method == scram.MECHANISM


METHODS = {"none": OK, "password": CLEAR, "md5": MD5, "scram-sha-256": SASL}


@pytest.mark.parametrize("asked", METHODS)
@pytest.mark.parametrize("allowed", METHODS)
def test_only_methods_that_are_allowed_are_answered(asked, allowed) -> None:
    made = login(demands=Demands.read([allowed]))
    if asked == allowed:
        assert (made.receive(METHODS[asked]) == b"") == (asked == "none")
        return
    with pytest.raises(UnwantedError, match=f"and requireAuth allows {allowed}$"):
        made.receive(METHODS[asked])


def test_a_server_that_does_not_prove_that_it_knows_the_password() -> None:
    made = login()
    made.receive(SASL)
    with pytest.raises(LoginFailedError, match="did not prove"):
        made.receive(OK)


def test_a_server_that_asks_for_something_else_in_the_middle() -> None:
    made = login()
    made.receive(SASL)
    with pytest.raises(WireError, match="leaves SCRAM in the middle"):
        made.receive(CLEAR)
    made = login()
    made.receive(MD5)
    with pytest.raises(WireError, match="asks for a password again"):
        made.receive(CLEAR)


@pytest.mark.parametrize("asked", [OK, CLEAR, MD5, SASL])
def test_channel_binding_is_required(asked) -> None:
    with pytest.raises(UnwantedError, match="channel binding is required"):
        login(binding=b"end point", demands=BOUND).receive(asked)


@pytest.mark.parametrize("asked", [CLEAR, MD5, SASL])
def test_no_password_is_known(asked) -> None:
    with pytest.raises(LoginFailedError, match="asks for a password"):
        login(password=None).receive(asked)


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        (backend.authentication(backend.AUTH_GSS), "GSSAPI"),
        (backend.authentication(99), "method 99"),
        (backend.authentication_sasl(["OAUTHBEARER"]), "OAUTHBEARER"),
    ],
)
def test_what_is_not_spoken_here(asked, name) -> None:
    with pytest.raises(LoginFailedError, match=f"{name}, which is not spoken"):
        login().receive(asked)


def test_a_refusal_has_the_servers_fields() -> None:
    with pytest.raises(LoginFailedError) as caught:
        login().receive(backend.error("FATAL", "28P01", "wrong password", hint="think"))
    error = caught.value
    assert (error.message, error.hint, error.sqlstate) == ("wrong password", "think", "28P01")
    assert error.fields["S"] == "FATAL"


@pytest.mark.parametrize(
    ("before", "sqlstate", "is_not_admitted"),
    [(b"", "28000", True), (b"", "28P01", False), (OK, "28000", False), (CLEAR, "28000", False)],
)
def test_whom_pg_hba_does_not_admit(before, sqlstate, is_not_admitted) -> None:
    """Nothing was asked for before it said no."""
    made = login()
    made.receive(before)
    with pytest.raises(LoginFailedError, match="no line") as caught:
        made.receive(backend.error("FATAL", sqlstate, "no line"))
    assert isinstance(caught.value, NotAdmittedError) == is_not_admitted


def test_a_refusal_behind_the_authentication() -> None:
    with pytest.raises(LoginFailedError, match="no database"):
        login().receive(OK + backend.error("FATAL", "3D000", "no database"))


def test_no_error_and_no_notice_repeats_the_password() -> None:
    made = login()
    made.receive(CLEAR)
    made.receive(backend.notice("NOTICE", "00000", "pencil it is"))
    assert made.notices == []
    with pytest.raises(LoginFailedError) as caught:
        made.receive(backend.error("FATAL", "28P01", "not pencil", detail="pencil"))
    assert "pencil" not in f"{caught.value!r} {caught.value.fields}"


def test_an_error_in_the_way_of_version_two() -> None:
    made = login(minor=2)
    assert made.receive(b"Ecould not fork ") == b""
    with pytest.raises(LoginFailedError, match="could not fork new process") as caught:
        made.receive(b"new process\n\0")
    assert type(caught.value) is LoginFailedError
    with pytest.raises(WireError, match="no PostgreSQL message"):
        login().receive(b"E" + b"x" * 1000)


@pytest.mark.parametrize("sqlstate", ["08P01", "0A000", ""])
def test_an_old_server_refuses_a_newer_version(sqlstate) -> None:
    refused = backend.error("FATAL", sqlstate, "unsupported startup packet")
    with pytest.raises(VersionRefusedError):
        login(minor=2).receive(refused)
    with pytest.raises(LoginFailedError) as caught:
        login().receive(refused)
    assert type(caught.value) is LoginFailedError


@pytest.mark.parametrize("sqlstate", ["28000", "53300", "57P03", "3D000"])
def test_what_is_no_refusal_of_the_version(sqlstate) -> None:
    with pytest.raises(LoginFailedError) as caught:
        login(minor=2).receive(backend.error("FATAL", sqlstate, "no"))
    assert not isinstance(caught.value, VersionRefusedError)


def test_a_connection_that_ends() -> None:
    assert type(login().ended()) is LoginFailedError
    assert type(login(minor=2).ended()) is VersionRefusedError
    made = login(minor=2)
    made.receive(OK)
    assert type(made.ended()) is LoginFailedError


def test_a_version_is_negotiated() -> None:
    made = login(minor=2)
    assert made.begin()[4:8] == b"\0\3\0\2"
    made.receive(startup.negotiate(0, []) + OK + REST)
    assert (made.done, made.minor) == (True, 0)


def test_options_of_the_protocol_are_negotiated() -> None:
    made = LoginOut(
        {"user": "ann", "_pq_.a": "1"}, password=None, tls="none", binding=None, nonce="abc"
    )
    made.receive(startup.negotiate(0, ["_pq_.a"]) + OK + REST)
    assert made.unrecognised == ("_pq_.a",)


@pytest.mark.parametrize(("minor", "options"), [(2, []), (0, ["_pq_.b"])])
def test_a_negotiation_of_what_nobody_asked_for(minor, options) -> None:
    with pytest.raises(WireError, match="nobody asked for"):
        login().receive(startup.negotiate(minor, options))


def test_a_long_key_and_none() -> None:
    made = login(minor=2)
    made.receive(OK + backend.key_data(7, bytes(32)) + backend.ready())
    assert made.key == (7, bytes(32))
    made = login()
    made.receive(OK + b"K\0\0\0\x08\0\0\0\7" + backend.ready())
    assert (made.done, made.key) == (True, (0, b""))


@pytest.mark.parametrize(
    "said",
    [
        backend.ready(),
        backend.command_complete("SELECT 1"),
        b"HTTP/1.1 400 Bad Request\r\n",
        OK + OK,
        OK + startup.negotiate(0, []),
        OK + backend.data_row([b"1"]),
        startup.negotiate(0, []) + startup.negotiate(0, []),
        backend.authentication_md5(b"salty"),
    ],
)
def test_what_is_no_login(said) -> None:
    with pytest.raises(WireError):
        login().receive(said)


def test_a_server_that_goes_on_and_on() -> None:
    made = login()
    made.receive(OK + backend.parameter_status("a", "b" * 60_000) * 17)
    with pytest.raises(WireError, match="on and on"):
        made.receive(backend.parameter_status("a", "b" * 60_000))
    made = login()
    made.receive(OK + backend.notice("NOTICE", "00000", "hello") * 900)
    assert len(made.notices) == 100


def transcript(said: list[bytes]) -> tuple:
    """Return all that comes of these pieces."""
    made, answers = login(binding=b"x"), []
    try:
        answers = [made.receive(each) for each in said]
    except WireError as error:
        return b"", type(error), error.message
    return b"".join(answers), made.done, made.parameters, made.rest, made.notices


PIECES = st.sampled_from(
    [
        OK,
        REST,
        SASL,
        PLUS,
        CLEAR,
        MD5,
        startup.negotiate(0, []),
        backend.error("FATAL", "28000", ""),
    ]
)


@given(st.lists(PIECES | st.binary(max_size=10), max_size=5))
def test_byte_by_byte_is_as_at_once(pieces) -> None:
    said = b"".join(pieces)
    assert transcript([said]) == transcript([bytes([each]) for each in said])
