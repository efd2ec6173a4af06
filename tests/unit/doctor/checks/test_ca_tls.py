import ssl
from dataclasses import replace

import pytest
import trustme

from pgward.doctor.checks import ca_dns, ca_tcp, ca_tls
from pgward.doctor.finding import Status
from tests.fixtures.patients import answering, over_tls


@pytest.fixture
def context(patient):
    ca = trustme.CA()
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("ca.test").configure_cert(made)
    patient.trust = replace(patient.trust, server_roots=(ca.cert_pem.bytes().decode(),))
    return made


def look(patient):
    ca_dns.look(patient)
    ca_tcp.look(patient)
    found = ca_tls.look(patient)
    patient.close()
    return found


def test_a_ca_that_proves_itself(patient, context):
    with answering(over_tls(context, lambda tls: tls.recv(1))) as patient.ca_route:
        assert look(patient).status is Status.OK


def test_another_that_answers(patient):
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("ca.test").configure_cert(other)
    with answering(over_tls(other, lambda tls: tls.recv(1))) as patient.ca_route:
        found = look(patient)
    assert found.what.startswith("the peer did not prove who it is")


def test_through_a_proxy(patient, context):
    asked = []

    def talk(client):
        asked.append(client.recv(1000))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        over_tls(context, lambda tls: tls.recv(1))(client)

    with answering(talk) as patient.ca_route:
        patient.ca_route.peer = "the proxy"
        assert look(patient).status is Status.OK
    assert asked == [b"CONNECT ca.test:8443 HTTP/1.1\r\nHost: ca.test:8443\r\n\r\n"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [(b"HTTP/1.1 407 Who are you\r\n\r\n", "HTTP/1.1 407 Who are you"), (b"", "it ended")],
)
def test_a_proxy_that_refuses(patient, answer, said):
    def talk(client):
        client.recv(1000)
        client.sendall(answer)

    with answering(talk) as patient.ca_route:
        patient.ca_route.peer = "the proxy"
        found = look(patient)
    assert f"the proxy does not let the CA through: {said}" in found.what
