import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.login.ldap import ber, messages
from pgward.ca.login.ldap.errors import LdapProtocolError
from pgward.ca.login.ldap.filters import Filter
from pgward.ca.login.ldap.messages import Entry, Incoming, Reference, Result, Scope
from tests.fixtures import ldap_server as server

ANSWERS = (
    server.bound(49, "no")(1)
    + server.entry("uid=a", uid="a", **{"userCertificate;binary": b"\0"})(2)
    + server.reference("ldap://elsewhere")(2)
    + server.done(0)(2)
)
MESSAGES = [
    Result(1, 49, "no"),
    Entry(2, "uid=a", {"uid": [b"a"], "usercertificate": [b"\0"]}),
    Reference(2),
    Result(2, 0),
]


def test_a_bind_as_the_standard_has_it():
    assert messages.bind(1, "cn=a", "b") == bytes.fromhex(
        "3011020101600c020103 0404636e3d61 800162"
    )


@pytest.mark.parametrize(("dn", "password"), [("cn=a", ""), ("", "b"), ("", "")])
def test_a_bind_that_proves_nothing_is_never_written(dn, password):
    with pytest.raises(ValueError, match="proves nothing"):
        messages.bind(1, dn, password)


def test_a_search_follows_no_aliases_and_is_bounded():
    wanted = Filter("(uid=a)").encode()
    written = messages.search(7, "dc=x", Scope.SUB, wanted, ["cn"], limit=2, seconds=5)
    reader = ber.Reader(written).enter()
    assert reader.integer() == 7
    body = reader.enter(0x63)
    assert [body.text(), body.integer(10), body.integer(10)] == ["dc=x", 2, 0]
    assert [body.integer(), body.integer()] == [2, 5]


def test_a_page_is_asked_for_by_a_critical_control():
    written = messages.search(7, "", Scope.ONE, b"", [], limit=0, seconds=5, page=9, cookie=b"c")
    reader = ber.Reader(written).enter()
    reader.integer()
    reader.any()
    control = reader.enter(0xA0).enter()
    assert control.text() == "1.2.840.113556.1.4.319"
    assert control.any() == b"\xff"
    asked = ber.Reader(control.read(ber.OCTET_STRING)).enter()
    assert (asked.integer(), asked.any()) == (9, b"c")


def test_messages_come_out_whatever_the_pieces_were():
    for size in (1, 2, 7, 1000):
        incoming, found = Incoming(), []
        for at in range(0, len(ANSWERS), size):
            incoming.feed(ANSWERS[at : at + size])
            while (message := incoming.next()) is not None:
                found.append(message)
        assert found == MESSAGES
        assert incoming.is_empty


def test_a_cookie_goes_on_with_the_search():
    asked = ber.value(ber.SEQUENCE, ber.integer(0), ber.string(b"more"))
    control = ber.value(
        ber.SEQUENCE, ber.string("1.2.840.113556.1.4.319"), ber.boolean(True), ber.string(asked)
    )
    other = ber.value(ber.SEQUENCE, ber.string("1.2.3"))
    incoming = Incoming()
    incoming.feed(server.done(controls=ber.value(0xA0, other, control))(3))
    assert incoming.next() == Result(3, 0, "", b"more")


def test_what_is_too_much_is_refused_before_it_is_there():
    incoming = Incoming(100)
    incoming.feed(b"\x30\x82\x10\x00")
    with pytest.raises(LdapProtocolError, match="more than 100 bytes"):
        incoming.next()


@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 400", b"\x30\x03\x02\x01\x01", b"\x30\x05\x02\x01\x01\x63\x00", b"\x30\x80"]
)
def test_what_is_no_answer_is_refused(data):
    incoming = Incoming()
    incoming.feed(data)
    with pytest.raises(LdapProtocolError):
        incoming.next()


@given(st.binary(max_size=60), st.integers(0, len(ANSWERS)), st.integers(0, 255))
def test_any_bytes_are_read_refused_or_wait_for_more(junk, at, byte):
    for data in (junk, b"\x30" + junk, ANSWERS[:at] + bytes([byte]) + ANSWERS[at + 1 :]):
        incoming = Incoming()
        incoming.feed(data)
        try:
            while incoming.next() is not None:
                pass
        except LdapProtocolError:
            continue
