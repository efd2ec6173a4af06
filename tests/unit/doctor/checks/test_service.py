from pgward.core.address import Address
from pgward.doctor.checks import service
from pgward.doctor.finding import Status
from tests.fixtures.patients import aware
from tests.fixtures.patients import service as a_service

EDGE = {"name": "e1", "address": "edge.test:6432", "server_name": "edge.test"}


def listed(fake_ca, *edges):
    listing = a_service().to_json() | {"edges": list(edges)}
    fake_ca.routes["GET /v1/services"] = {"services": [listing]}


def test_none_was_named(patient):
    assert service.look(patient) is None


def test_one_that_is_there(patient, fake_ca):
    listed(fake_ca, EDGE)
    patient.service_name, patient.ca_answers = "orders", True
    assert service.look(patient).what == (
        "orders is yours to use, sslMode verify-full, edges: e1 edge.test:6432"
    )
    assert patient.service.name == "orders"


def test_one_that_is_not(patient, fake_ca):
    listed(fake_ca, EDGE)
    patient.service_name, patient.ca_answers = "oders", True
    found = service.look(patient)
    assert (found.status, found.hint) == (Status.FAIL, "did you mean orders?")


def test_while_the_ca_is_away_what_it_said_last_counts(patient, fake_ca):
    listed(fake_ca, EDGE)
    patient.service_name, patient.ca_answers = "orders", True
    service.look(patient)
    patient.ca_answers = False
    found = service.look(patient)
    assert (found.status, "said so last" in found.why) == (Status.WARN, True)


def test_one_without_an_edge(patient, fake_ca):
    listed(fake_ca)
    patient.service_name, patient.ca_answers = "orders", True
    assert service.look(patient).what == "orders has no edge"
    patient.direct = Address("db1.test", 5432)
    assert service.look(patient).status is Status.OK


def test_one_whose_edge_speaks_postgresql(patient, fake_ca):
    listing = aware().to_json() | {"edges": [EDGE]}
    fake_ca.routes["GET /v1/services"] = {"services": [listing]}
    patient.service_name, patient.ca_answers = "orders", True
    assert service.look(patient).what == (
        "orders is yours to use, mode postgres, edges: e1 edge.test:6432"
    )
