from pgward.client.services import EdgeInfo
from pgward.core.address import Address
from pgward.doctor.checks import edge_dns
from pgward.doctor.finding import Status
from tests.fixtures.patients import service

HERE = EdgeInfo("e1", Address("127.0.0.1", 6432), "e1.test")
LOST = EdgeInfo("e2", Address("edge.invalid", 6432), "e2.test")


def test_nothing_to_look_up(patient):
    assert edge_dns.look(patient) is None
    patient.service = service()
    assert edge_dns.look(patient) is None
    patient.service, patient.direct = service(HERE), HERE.address
    assert edge_dns.look(patient) is None


def test_names_that_are_found_and_lost(patient):
    patient.service = service(HERE)
    assert edge_dns.look(patient).status is Status.OK
    patient.service = service(LOST)
    assert edge_dns.look(patient).status is Status.FAIL
    patient.service, patient.edges = service(LOST, HERE), []
    found = edge_dns.look(patient)
    assert (found.status, [edge.name for edge, _ in patient.edges]) == (Status.WARN, ["e1"])
