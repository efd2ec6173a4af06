import ssl

import pytest

from pgward.client.services import EdgeInfo
from pgward.core.address import Address
from pgward.doctor.checks import edge
from pgward.doctor.finding import Status
from pgward.tunnel import preface
from pgward.tunnel.preface import Controls, Reason, RefusedError
from tests.fixtures.patients import service


class Tls:
    def __init__(self, answer):
        self.answer = answer

    def sendall(self, data):
        self.sent = data

    def recv(self, _size):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def look(patient, answer):
    patient.edge = EdgeInfo("e1", Address("edge.test", 6432), "e1.test")
    patient.service, patient.edge_tls = service(patient.edge), Tls(answer)
    return edge.look(patient)


def test_no_edge(patient):
    assert edge.look(patient) is None


def test_an_edge_that_lets_one_in(patient):
    found = look(patient, preface.accept(Controls.new()))
    assert found.status is Status.OK
    assert patient.edge_tls.sent == preface.request("orders")
    assert patient.upstream is not None


@pytest.mark.parametrize(("reason", "code"), [(Reason.DENIED, 3), (Reason.STALE, 1)])
def test_a_refusal(patient, reason, code):
    found = look(patient, preface.refuse(RefusedError(reason)))
    assert (found.status, found.exit_code) == (Status.FAIL, code)
    assert patient.upstream is None


def test_an_alert(patient):
    alert = ssl.SSLError(1, "[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca")
    alert.reason = "TLSV1_ALERT_UNKNOWN_CA"
    found = look(patient, alert)
    assert found.what == "the edge does not know the CA of your certificate"
    assert (found.exit_code, "trusts another CA" in found.why) == (4, True)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400\r\n", TimeoutError("timed out")])
def test_what_says_nothing_of_sense(patient, answer):
    assert look(patient, answer).status is Status.FAIL
