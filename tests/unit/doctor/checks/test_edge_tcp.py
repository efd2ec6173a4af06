import socket

from pgward.client.services import EdgeInfo
from pgward.core.address import Address
from pgward.doctor.checks import edge_dns, edge_tcp
from pgward.doctor.finding import Status
from tests.fixtures.patients import service

AWAY = EdgeInfo("e1", Address("127.0.0.1", 1), "e1.test")


def test_no_edge(patient):
    assert edge_tcp.look(patient) is None


def test_an_edge_that_is_away(patient):
    patient.service = service(AWAY)
    edge_dns.look(patient)
    assert edge_tcp.look(patient).what.startswith("no connection to the edge e1 at 127.0.0.1:1")


def test_another_answers_instead(patient):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        other = EdgeInfo("e2", Address("127.0.0.1", listener.getsockname()[1]), "e2.test")
        patient.service = service(AWAY, other)
        edge_dns.look(patient)
        found = edge_tcp.look(patient)
        patient.close()
    assert (found.status, found.why, patient.edge) == (Status.WARN, "e2 answers instead", other)
