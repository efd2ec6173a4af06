import pytest

from pgward.doctor.checks import proxy
from pgward.doctor.finding import Status


def test_no_proxy(patient):
    assert proxy.look(patient) is None
    assert (patient.ca_route.peer, str(patient.ca_route.address)) == ("the CA", "ca.test:8443")


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_on_the_way(patient, name):
    patient.environ = {name: "http://u:hunter2@proxy.test:3128"}
    found = proxy.look(patient)
    assert (found.status, str(patient.ca_route.address)) == (Status.WARN, "proxy.test:3128")
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("skipped", ["ca.test", ".test", "other, test", "*"])
def test_a_proxy_that_is_passed_by(patient, skipped):
    patient.environ = {"HTTPS_PROXY": "http://proxy.test:3128", "NO_PROXY": skipped}
    assert proxy.look(patient) is None


def test_another_name_does_not_pass_it_by(patient):
    patient.environ = {"HTTPS_PROXY": "proxy.test", "NO_PROXY": "a.test,"}
    proxy.look(patient)
    assert str(patient.ca_route.address) == "proxy.test:8080"


@pytest.mark.parametrize("value", ["http://", "http://p:99999"])
def test_a_proxy_that_is_none(patient, value):
    patient.environ = {"HTTPS_PROXY": value}
    assert proxy.look(patient).status is Status.FAIL
