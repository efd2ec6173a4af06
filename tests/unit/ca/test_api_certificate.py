import socket
import ssl
import threading
from datetime import timedelta

import pytest
from cryptography import x509

from pgward.ca.api_certificate import ApiCertificate
from pgward.ca.records import Kind
from pgward.pki import pem
from tests.fixtures.authority import START


@pytest.fixture
def certificate(authority):
    return ApiCertificate(authority)


@pytest.fixture
def client(hierarchies):
    context = ssl.create_default_context(cadata=pem.text(hierarchies.server.root))
    # The authority's clock stands at START; OpenSSL's does not.
    context.verify_flags |= ssl.VerifyFlags(0x200000)  # X509_V_FLAG_NO_CHECK_TIME
    return context


class Conversation:
    """A TLS connection between two threads of this process."""

    def __init__(self, server: ssl.SSLContext, client: ssl.SSLContext):
        here, there = socket.socketpair()
        accepted = []
        accept = threading.Thread(
            target=lambda: accepted.append(server.wrap_socket(there, server_side=True))
        )
        accept.start()
        self.client = client.wrap_socket(here, server_hostname="localhost")
        accept.join()
        (self.server,) = accepted

    def serial(self) -> int:
        der = self.client.getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(der).serial_number

    def works(self) -> bool:
        self.client.sendall(b"ping")
        return self.server.recv(4) == b"ping"

    def close(self) -> None:
        self.client.close()
        self.server.close()


def test_a_client_that_trusts_the_server_root_gets_in(certificate, client):
    talk = Conversation(certificate.context, client)
    assert talk.works()
    assert talk.client.selected_alpn_protocol() is None
    talk.close()


def test_it_is_recorded_as_the_authoritys_own(certificate, memory_store):
    (record,) = memory_store.records.values()
    assert (record.kind, record.subject, record.dns) == (Kind.API, "ca", ("localhost",))
    assert certificate.not_after == START + timedelta(days=30)


def test_it_is_renewed_when_a_third_of_its_life_is_left(certificate, clock, memory_store):
    clock.move(days=19)
    assert not certificate.renew_if_due()
    clock.move(days=1, minutes=1)
    assert certificate.renew_if_due()
    assert len(memory_store.records) == 2
    assert certificate.not_after == START + timedelta(days=50, minutes=1)


def test_one_from_the_future_is_replaced_when_the_clock_is_put_right(authority, clock):
    clock.move(days=2)
    certificate = ApiCertificate(authority)
    assert not certificate.renew_if_due()
    clock.move(days=-2)
    assert certificate.renew_if_due()
    assert certificate.not_after == START + timedelta(days=30)
    assert not certificate.renew_if_due()


def test_renewing_drops_no_connection(certificate, client, clock):
    old = Conversation(certificate.context, client)
    clock.move(days=21)
    certificate.renew_if_due()
    new = Conversation(certificate.context, client)
    assert old.works()
    assert new.works()
    assert old.serial() != new.serial()
    old.close()
    new.close()


def test_no_key_stays_on_the_disk(authority, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ApiCertificate(authority)
    assert list(tmp_path.iterdir()) == []
