from pgward.doctor.checks import ca_dns, ca_tcp
from pgward.doctor.finding import Status
from tests.fixtures.patients import answering


def test_it_is_connected_to(patient):
    with answering(lambda client: client.recv(1)) as patient.ca_route:
        ca_dns.look(patient)
        assert ca_tcp.look(patient).status is Status.OK
        patient.close()


def test_nothing_is_there(patient):
    with answering(lambda client: client.recv(1)) as patient.ca_route:
        ca_dns.look(patient)
        ca_tcp.look(patient)
        patient.close()
    assert ca_tcp.look(patient).status is Status.FAIL
