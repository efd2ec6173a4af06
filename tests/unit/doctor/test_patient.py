import socket

from pgward.core.address import Address
from tests.fixtures.patients import aware, service


def test_what_was_opened_is_closed(patient):
    one, other = socket.socketpair()
    patient.opened(one)
    patient.close()
    assert other.recv(1) == b""
    other.close()


def test_how_postgresql_is_to_be_checked(patient):
    assert (patient.ssl_mode, patient.server_name) == ("verify-full", "")
    patient.direct = Address("db9.test", 5432)
    assert patient.server_name == "db9.test"
    patient.service = service(ssl_mode="require")
    assert (patient.ssl_mode, patient.server_name) == ("require", "db1.test")
    assert patient.need_service().name == "orders"


def test_an_edge_that_speaks_postgresql_is_checked_in_its_place(patient):
    patient.service = aware()
    assert (patient.is_aware, patient.ssl_mode) == (True, "disable")
    patient.direct = Address("orders.edge.test", 6432)
    assert (patient.is_aware, patient.ssl_mode) == (False, "verify-full")
    assert patient.server_name == "orders.edge.test"
