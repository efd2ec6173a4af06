import pytest

from pgward.doctor.checks import upstream
from pgward.doctor.finding import Status
from pgward.pgwire.startup import ssl_request
from pgward.tunnel import pgerror
from pgward.tunnel.preface import Reason, RefusedError
from tests.fixtures.patients import Script, answering, aware, service


def test_nothing_to_ask(patient):
    assert upstream.look(patient) is None


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (b"S", Status.OK, "speaks TLS"),
        (b"N", Status.FAIL, "server does not support SSL"),
        (b"", Status.FAIL, "ended before PostgreSQL answered"),
        (b"HTTP", Status.FAIL, "invalid response to SSL negotiation"),
        (pgerror.fatal("the database system is starting up"), Status.FAIL, "starting up"),
        (TimeoutError(), Status.FAIL, "timed out"),
        (RefusedError(Reason.UNREACHABLE), Status.FAIL, "cannot reach the database"),
    ],
)
def test_what_postgresql_answers(patient, answer, status, said):
    patient.upstream = Script(answer)
    found = upstream.look(patient)
    assert (found.status, said in found.what) == (status, True)


def test_a_service_without_tls_of_its_own(patient):
    patient.upstream, patient.service = Script(), service(ssl_mode="disable")
    assert upstream.look(patient).status is Status.OK


def test_postgresql_at_its_own_address(patient):
    def talk(client):
        assert client.recv(8) == ssl_request()
        client.sendall(b"S")

    with answering(talk) as route:
        patient.direct = route.address
        assert upstream.look(patient).status is Status.OK
        patient.close()
    assert "connection refused" in upstream.look(patient).what


def test_an_edge_that_speaks_postgresql_itself(patient):
    patient.upstream, patient.service = Script(), aware()
    assert upstream.look(patient).what == (
        "the edge speaks PostgreSQL itself (mode: postgres), inside the link's TLS"
    )
