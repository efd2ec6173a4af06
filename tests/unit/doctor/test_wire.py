import ssl
import struct

import pytest
import trustme

from pgward.doctor.wire import Answer, InnerTls, LinkTransport, ask_for_tls, start
from pgward.pgwire import startup
from pgward.pgwire.errors import WireError
from pgward.pgwire.framing import message
from pgward.tunnel import pgerror
from pgward.tunnel.preface import Controls, Reason, RefusedError
from tests.fixtures.patients import Script

OK = message(b"R", b"\0\0\0\0")
READY = message(b"S", b"server_version\x0015.3\0") + message(b"Z", b"I")


def test_a_server_that_speaks_tls_is_asked():
    script = Script(b"S")
    assert ask_for_tls(script) == (True, "")
    assert script.sent == startup.ssl_request()


def test_one_that_does_not():
    assert ask_for_tls(Script(b"N")) == (False, "")


def test_one_that_is_out_of_processes():
    assert ask_for_tls(Script(pgerror.fatal("no more"))) == (False, "pgward: no more")


@pytest.mark.parametrize(("answer", "said"), [(b"", "ended"), (b"HTTP/1.1", "invalid response")])
def test_one_that_is_no_postgresql(answer, said):
    with pytest.raises(WireError, match=said):
        ask_for_tls(Script(answer))


def test_who_is_let_in_leaves_at_once():
    script = Script(OK[:3], OK[3:], READY)
    assert start(script, "alice", "shop") == Answer(True, version="15.3")
    assert script.sent.endswith(b"X\0\0\0\x04")
    assert b"user\0alice\0database\0shop\0" in script.sent


def test_an_error_after_the_login_is_told():
    found = start(Script(OK + pgerror.fatal("no database", sqlstate="3D000")), "a", "b")
    assert found == Answer(True, "", "pgward: no database", "3D000")


def test_a_password_that_is_wanted_is_told_and_not_given():
    script = Script(message(b"R", struct.pack("!I", 10) + b"SCRAM-SHA-256\0\0"))
    assert start(script, "a", "b") == Answer(False, "a password (scram-sha-256)")


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ((b"",), "ended before"),
        ((b"R\0\0\0\x01",), "no PostgreSQL"),
        ((b"R\xff\xff\xff\xff",), "no PostgreSQL"),
        ((message(b"N", bytes(60_000)),) * 20, "too much"),
    ],
)
def test_what_makes_no_sense_is_refused(answers, said):
    with pytest.raises(WireError, match=said):
        start(Script(*answers), "a", "b")


class Records:
    def __init__(self, *records: bytes) -> None:
        self.records = list(records)

    def recv(self, _size: int) -> bytes:
        return self.records.pop(0)

    def sendall(self, data: bytes) -> None:
        self.records.append(data)


def test_a_link_says_why_it_ends():
    controls = Controls.new()
    link = LinkTransport(Records(b"data", controls.end), controls)
    assert [link.receive(), link.receive()] == [b"data", b""]
    link = LinkTransport(Records(controls.cut(Reason.UNREACHABLE)), controls)
    with pytest.raises(RefusedError, match="cannot reach"):
        link.receive()


def test_a_link_may_end_in_words_of_its_own():
    controls = Controls.new(tells_why=True)
    said = RefusedError(Reason.DENIED, "only on Mondays", hint="wait")
    link = LinkTransport(Records(*controls.cut_by(said)), controls)
    with pytest.raises(RefusedError) as caught:
        link.receive()
    assert (caught.value.message, caught.value.hint) == ("only on Mondays", "wait")
    link = LinkTransport(Records(controls.cut_by(said)[0], b"no line"), controls)
    with pytest.raises(WireError, match="preface"):
        link.receive()


class Joined:
    """A server's TLS at the other end, moved whenever the client wants something."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.done = False

    def send(self, data: bytes) -> None:
        self.incoming.write(data)

    def receive(self) -> bytes:
        if not self.done:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                return self.outgoing.read()
            self.done = True
        if not self.outgoing.pending:
            self.tls.write(b"hello " + self.tls.read(100))
        return self.outgoing.read()


def contexts():
    ca = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("db1.test").configure_cert(server)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ca.configure_trust(client)
    return server, client


def test_tls_inside_of_something_else():
    server, client = contexts()
    server.num_tickets = 0
    inner = InnerTls(Joined(server), client, "db1.test")
    inner.handshake()
    inner.send(b"alice")
    assert inner.receive() == b"hello alice"


def test_a_name_that_does_not_fit_is_found():
    server, client = contexts()
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        InnerTls(Joined(server), client, "db2.test").handshake()


def test_an_end_in_the_middle_is_told():
    with pytest.raises(ssl.SSLEOFError):
        InnerTls(Script(b""), contexts()[1], "db1.test").handshake()
