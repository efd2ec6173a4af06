import socket
import ssl

import pytest
import trustme

from pgward.doctor.checks import postgresql_tls
from pgward.doctor.finding import Status
from pgward.doctor.wire import Plain
from pgward.tunnel.preface import Reason, RefusedError
from tests.fixtures.patients import Script, answering, over_tls, service


@pytest.fixture
def context(patient):
    ca = trustme.CA()
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("db1.test").configure_cert(made)
    ca.cert_pem.write_to_path(str(patient.session.paths.ca))
    return made


def look(patient, context, *, server_name="db1.test", **more):
    patient.service = service(**more)
    object.__setattr__(patient.service, "server_name", server_name)
    with answering(over_tls(context, lambda tls: tls.recv(1))) as route:
        sock = socket.create_connection((route.address.host, route.address.port), 5)
        patient.opened(sock)
        patient.upstream = Plain(sock)
        found = postgresql_tls.look(patient)
        patient.close()
    return found


def test_nothing_to_ask(patient):
    assert postgresql_tls.look(patient) is None
    patient.upstream, patient.service = Script(), service(ssl_mode="disable")
    assert postgresql_tls.look(patient) is None


def test_a_server_that_proves_itself(patient, context):
    assert look(patient, context).status is Status.OK


def test_a_server_that_is_not_asked_to(patient, context):
    found = look(patient, context, ssl_mode="require")
    assert (found.status, "is not checked" in found.what) == (Status.WARN, True)


def test_a_server_of_another_name(patient, context):
    found = look(patient, context, server_name="db9.test")
    assert "did not prove that it is db9.test: Hostname mismatch" in found.what


def test_a_server_of_another_ca(patient, context):
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("db1.test").configure_cert(other)
    assert context is not other
    assert "another CA" in look(patient, other).why


@pytest.mark.parametrize(
    ("answer", "said"), [(b"", "unexpected eof"), (RefusedError(Reason.STOPPING), "is stopping")]
)
def test_an_end_in_the_middle(patient, context, answer, said):
    assert context
    patient.upstream, patient.service = Script(answer), service()
    found = postgresql_tls.look(patient)
    assert (found.status, said in found.what.lower()) == (Status.FAIL, True)
