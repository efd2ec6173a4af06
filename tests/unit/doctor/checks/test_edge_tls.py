import ssl

import pytest
import trustme

from pgward.client.services import EdgeInfo
from pgward.doctor.checks import edge_dns, edge_tcp, edge_tls
from pgward.doctor.finding import Status
from tests.fixtures.patients import answering, over_tls, service


@pytest.fixture
def context(patient):
    ca = trustme.CA()
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("e1.test").configure_cert(made)
    ca.cert_pem.write_to_path(str(patient.session.paths.ca))
    return made


def look(patient, route, name="e1.test"):
    patient.service = service(EdgeInfo("e1", route.address, name))
    edge_dns.look(patient)
    edge_tcp.look(patient)
    found = edge_tls.look(patient)
    patient.close()
    return found


def test_no_edge(patient):
    assert edge_tls.look(patient) is None


def test_an_edge(patient, context):
    context.set_alpn_protocols(["pgward/1"])
    with answering(over_tls(context, lambda tls: tls.recv(1))) as route:
        assert look(patient, route).status is Status.OK
    assert patient.edge_tls is not None


def test_what_is_no_edge(patient, context):
    with answering(over_tls(context, lambda tls: tls.recv(1))) as route:
        assert "is no pgward edge" in look(patient, route).what


def test_an_edge_of_another_name(patient, context):
    with answering(over_tls(context, lambda tls: tls.recv(1))) as route:
        assert "Hostname mismatch" in look(patient, route, "e9.test").what
