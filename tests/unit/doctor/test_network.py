import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from pgward.core.address import Address
from pgward.doctor import network
from pgward.doctor.finding import Status
from pgward.doctor.network import Route
from tests.fixtures.patients import answering, over_tls

NOW = datetime.now(UTC)


def route(host="127.0.0.1", port=1):
    return Route("the peer", Address(host, port))


def test_an_address_needs_no_name():
    found = network.look_up("dns", route())
    assert (found.status, found.what) == (Status.OK, "127.0.0.1 is an address")


@pytest.mark.parametrize("host", ["db1.invalid", "a..b", "x" * 300])
def test_a_name_that_cannot_be_found(host):
    assert network.look_up("dns", route(host)).status is Status.FAIL


def test_nothing_listens():
    refused = route()
    network.look_up("dns", refused)
    found = network.connect("tcp", refused, 2)
    assert "127.0.0.1 connection refused" in found.what
    assert "nothing listens" in found.why


def test_one_address_of_two_answers():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = route(port=listener.getsockname()[1])
        family = socket.AF_INET
        peer.resolved = [(family, ("127.0.0.1", 1)), (family, listener.getsockname())]
        found = network.connect("tcp", peer, 2)
        assert (found.status, "but not at 127.0.0.1 (connection refused)" in found.what) == (
            Status.WARN,
            True,
        )
        peer.sock.close()


def prepared(peer):
    network.look_up("dns", peer)
    assert network.connect("tcp", peer, 2).status is Status.OK
    return peer


def trusting(ca):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ca.configure_trust(context)
    return context


def test_a_peer_that_proves_who_it_is():
    ca = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("db1.test").configure_cert(server)
    with answering(over_tls(server, lambda tls: tls.recv(1))) as peer:
        problem, tls = network.secure("tls", prepared(peer), trusting(ca), "db1.test")
        with tls:
            found = network.secured("tls", "it", tls, NOW)
    assert problem is None
    assert found.status is Status.OK
    assert found.what.startswith("it proved who it is (TLSv1.3)")


def test_a_certificate_that_nobody_renewed():
    ca = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    late = ca.issue_cert(
        "db1.test", not_before=NOW - timedelta(days=30), not_after=NOW + timedelta(hours=2)
    )
    late.configure_cert(server)
    with answering(over_tls(server, lambda tls: tls.recv(1))) as peer:
        _, tls = network.secure("tls", prepared(peer), trusting(ca), "db1.test")
        with tls:
            assert network.secured("tls", "it", tls, NOW).status is Status.WARN


def test_a_proxy_that_breaks_tls_open_gives_itself_away():
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA(organization_name="Nosy Proxy").issue_cert("db1.test").configure_cert(server)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            for _ in range(2):
                client, _ = listener.accept()
                over_tls(server, lambda tls: tls.recv(1))(client)
                client.close()

        worker = threading.Thread(target=serve)
        worker.start()
        peer = prepared(route(port=listener.getsockname()[1]))
        problem, tls = network.secure("tls", peer, trusting(trustme.CA()), "db1.test")
        worker.join(10)
    assert tls is None
    assert "Nosy Proxy" in problem.what
    assert "a proxy breaks TLS open" in problem.why


def test_a_firewall_that_cuts():
    with answering(lambda client: client.recv(1)) as peer:
        problem, tls = network.secure("tls", prepared(peer), trusting(trustme.CA()), "db1.test")
    assert tls is None
    assert "no TLS with the peer" in problem.what
    assert "firewall or proxy" in problem.why


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (TimeoutError(), "does not answer in time (timed out)"),
        (ConnectionRefusedError(111, "Connection refused"), "connection refused"),
        (OSError("odd"), "odd"),
    ],
)
def test_errors_are_one_line(error, text):
    assert network.tls_text(error) == text
