import anyio
import pytest

from pgward.ca.login.ldap.connection import connected
from pgward.ca.login.ldap.directory import tls_context
from pgward.ca.login.ldap.errors import (
    LdapProtocolError,
    LdapResultError,
    LdapUnavailableError,
)
from pgward.ca.login.ldap.filters import Filter
from pgward.ca.login.ldap.messages import Result
from pgward.ca.resources import ldap_provider
from tests.fixtures.edge_process import quiet_port
from tests.fixtures.ldap_server import (
    CA,
    bound,
    done,
    entry,
    hang_up,
    ldap_server,
    raw,
    reference,
    several,
    started_tls,
)

ANYTHING = Filter("(objectClass=*)").encode()


def converse(url, *steps, ca=CA, seconds=5.0):
    """Connect and take the steps, each a function of the connection; return the last's result."""

    async def run():
        server = ldap_provider.server(url)
        found = None
        async with connected(server, tls_context(ca), seconds=seconds) as connection:
            for step in steps:
                found = await step(connection)
        return found

    return anyio.run(run)


def bind(connection):
    return connection.bind("cn=a", "secret")


def search(most):
    return lambda connection: connection.search("dc=x", ANYTHING, ["cn"], most=most, seconds=5)


@pytest.mark.parametrize(("tls", "before"), [("ldaps", ()), ("starttls", (started_tls(),))])
def test_a_bind_goes_through_tls(tls, before):
    with ldap_server(*before, bound(), tls=tls) as server:
        assert converse(server.url, bind) == Result(2, 0)
    assert b"secret" in server.requests[-1]
    assert not any(b"secret" in each for each in server.requests[:-1])


def test_entries_come_and_references_are_not_followed():
    answers = several(entry("cn=a", cn="a"), reference("ldap://evil"), entry("cn=b"), done())
    with ldap_server(answers) as server:
        assert [each.dn for each in converse(server.url, search(2))] == ["cn=a", "cn=b"]


@pytest.mark.parametrize(
    "answers",
    [
        several(entry("cn=a"), entry("cn=b"), done()),
        several(entry("cn=a"), done(4)),
        several(*[entry("cn=a")] * 600),
    ],
)
def test_more_entries_than_wanted_are_an_error(answers):
    with ldap_server(answers) as server, pytest.raises(LdapResultError, match="more than 1"):
        converse(server.url, search(1))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (done(10), "refers the search below 'dc=x' to another server, which is not asked"),
        (done(50, "not\x1b[31m you\n"), r"result 50 \(not\[31m you\)"),
        (done(1), "without saying why"),
    ],
)
def test_what_a_server_refuses_is_told(answer, said):
    with ldap_server(answer) as server, pytest.raises(LdapResultError, match=said):
        converse(server.url, search(1))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda number: bound()(number + 1), "what nobody asked"),
        (entry("cn=a"), "answered a bind with something else"),
        (raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "does not speak LDAP"),
        (raw(b"\x30\x84\x7f\xff\xff\xff"), "more than"),
    ],
)
def test_a_server_that_lies_is_not_believed(answer, said):
    with ldap_server(answer) as server, pytest.raises(LdapProtocolError, match=said):
        converse(server.url, bind)


@pytest.mark.parametrize("answer", [lambda _number: bound()(0), bound(51, "busy"), bound(52)])
def test_a_server_that_is_ending_is_unavailable(answer):
    with ldap_server(answer) as server, pytest.raises(LdapUnavailableError):
        converse(server.url, bind)


def test_a_server_without_starttls_gets_no_password():
    with (
        ldap_server(started_tls(2), bound(), tls="starttls") as server,
        pytest.raises(LdapUnavailableError, match="does not offer StartTLS"),
    ):
        converse(server.url, bind)
    assert not any(b"secret" in each for each in server.requests)


def test_what_comes_between_starttls_and_tls_is_refused():
    """Somebody on the way could have put a yes to the bind there."""
    answers = several(started_tls(), lambda _number: bound()(2))
    with (
        ldap_server(answers, bound(49), tls="starttls") as server,
        pytest.raises(LdapUnavailableError, match="between StartTLS and TLS"),
    ):
        converse(server.url, bind)


@pytest.mark.parametrize(
    ("name", "ca", "said"),
    [
        ("127.0.0.2", CA, "its certificate is not valid: IP address mismatch"),
        ("127.0.0.1", None, "its certificate is not valid: "),
    ],
)
@pytest.mark.parametrize("tls", ["ldaps", "starttls"])
def test_a_certificate_of_another_name_or_ca_is_refused(tls, name, ca, said):
    before = (started_tls(),) if tls == "starttls" else ()
    with (
        ldap_server(*before, bound(), tls=tls, name=name) as server,
        pytest.raises(LdapUnavailableError, match=said) as caught,
    ):
        converse(server.url, bind, ca=ca)
    assert caught.value.hint == "check the server and its certificate"
    assert not any(b"secret" in each for each in server.requests)


def test_a_server_that_is_not_there_is_told():
    with pytest.raises(LdapUnavailableError, match=r"ldaps://127.0.0.1:\d+ cannot be used: "):
        converse(f"ldaps://127.0.0.1:{quiet_port()}", bind)


def test_a_server_that_says_nothing_is_not_awaited():
    with (
        ldap_server(raw(b""), tls="starttls") as server,
        pytest.raises(LdapUnavailableError, match=r"did not answer within 0\.2 s"),
    ):
        converse(server.url, bind, seconds=0.2)


@pytest.mark.parametrize("answers", [(hang_up,), (bound(), hang_up)])
def test_a_server_that_hangs_up_is_told(answers):
    with (
        ldap_server(*answers) as server,
        pytest.raises(LdapUnavailableError, match="cannot be used: "),
    ):
        converse(server.url, bind, bind)
