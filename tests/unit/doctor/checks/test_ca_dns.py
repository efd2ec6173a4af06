from pgward.core.address import Address
from pgward.doctor.checks import ca_dns
from pgward.doctor.finding import Status
from pgward.doctor.network import Route


def test_its_name_is_looked_up(patient):
    patient.ca_route = Route("the CA", Address("ca.invalid", 8443))
    assert ca_dns.look(patient).status is Status.FAIL
    patient.ca_route = Route("the CA", Address("127.0.0.1", 8443))
    assert ca_dns.look(patient).status is Status.OK
