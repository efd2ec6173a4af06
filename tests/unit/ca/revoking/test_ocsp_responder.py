import threading
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as other

from pgward.ca.records import Kind
from pgward.ca.revoking.ocsp_responder import LIFETIME, OcspResponder
from pgward.ca.store import certificates as stored
from pgward.ca.store.certificates import CertificateFilter
from pgward.ca.store.freshness import Freshness
from pgward.ca.store.statuses import SqlStatuses
from pgward.core.errors import UnavailableError
from pgward.pki import csr, der, keys, ocsp
from tests.fixtures.authority import START
from tests.fixtures.pkilint import lint_ocsp


class Counting(SqlStatuses):
    """Counts how often the store is asked."""

    asked = 0

    def find(self, ca, serials):
        self.asked += 1
        return super().find(ca, serials)


@pytest.fixture
def statuses(store):
    return Counting(store)


@pytest.fixture
def responder(sql_authority, store, statuses, clock):
    fresh = Freshness(store, monotonic=lambda: 0.0)
    return OcspResponder(sql_authority, statuses, fresh, clock, most_cached=3)


@pytest.fixture
def host(sql_authority):
    issued = sql_authority.issue_server(
        csr.make(keys.generate()), kind=Kind.HOST, name="h1", dns=["h1"]
    )
    return issued.certificate


@pytest.fixture
def server_ca(hierarchies):
    return hierarchies.server.issuing.certificate


def ask(leaf, issuer, *, nonce=None, serial=None):
    builder = other.OCSPRequestBuilder()
    if serial is None:
        builder = builder.add_certificate(leaf, issuer, hashes.SHA256())
    else:
        made = ask(leaf, issuer)
        found = other.load_der_ocsp_request(made)
        builder = builder.add_certificate_by_hash(
            found.issuer_name_hash, found.issuer_key_hash, serial, hashes.SHA256()
        )
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def read(reply):
    return other.load_der_ocsp_response(reply.der)


def revoke(store, leaf, now=START):
    with store.write() as transaction:
        wanted = CertificateFilter(serial=f"{leaf.serial_number:x}")
        reason = x509.ReasonFlags.key_compromise
        stored.revoke(transaction, wanted, now=now, reason=reason)
        transaction.changed()


def test_good_then_revoked(responder, host, server_ca, store):
    request = ask(host, server_ca)
    reply = responder.respond(request)
    found = read(reply)
    assert found.certificate_status is other.OCSPCertStatus.GOOD
    assert (found.this_update_utc, found.produced_at_utc, found.next_update_utc) == (
        START - timedelta(seconds=60),
        START,
        START + LIFETIME,
    )
    assert (reply.produced_at, reply.next_update) == (START, START + LIFETIME)
    revoke(store, host)
    found = read(responder.respond(request))
    assert found.certificate_status is other.OCSPCertStatus.REVOKED
    assert found.revocation_reason is x509.ReasonFlags.key_compromise
    assert lint_ocsp(reply.der) == []


def test_it_is_signed_by_a_delegate_of_that_ca(responder, host, server_ca):
    found = read(responder.respond(ask(host, server_ca)))
    (delegate,) = found.certificates
    delegate.verify_directly_issued_by(server_ca)
    delegate.public_key().verify(
        found.signature, found.tbs_response_bytes, ec.ECDSA(found.signature_hash_algorithm)
    )


def test_a_serial_number_that_was_never_issued_is_revoked(responder, host, server_ca):
    reply = responder.respond(ask(host, server_ca, serial=12345))
    found = read(reply)
    assert found.certificate_status is other.OCSPCertStatus.REVOKED
    assert found.revocation_reason is x509.ReasonFlags.certificate_hold
    assert reply.next_update is None
    assert responder.at_once(ask(host, server_ca, serial=12345)) is None


def test_a_root_and_a_stranger_are_not_answered_for(responder, hierarchies, host):
    issuing = hierarchies.server.issuing.certificate
    for request in (ask(issuing, hierarchies.server.root), ask(host, hierarchies.user.root)):
        for reply in (responder.respond(request), responder.at_once(request)):
            assert read(reply).response_status is other.OCSPResponseStatus.UNAUTHORIZED


def test_certificates_of_two_cas_in_one_request_are_not_answered(responder, host, hierarchies):
    ids = [
        ocsp.read_request(ask(host, each.issuing.certificate)).certificates[0].encoded
        for each in (hierarchies.user, hierarchies.server)
    ]
    request = der.sequence(der.sequence(der.sequence(*map(der.sequence, ids))))
    found = read(responder.respond(request))
    assert found.response_status is other.OCSPResponseStatus.UNAUTHORIZED


def test_several_certificates_of_one_ca(responder, host, server_ca):
    ids = [
        ocsp.read_request(each).certificates[0].encoded
        for each in (ask(host, server_ca), ask(host, server_ca, serial=5))
    ]
    request = der.sequence(der.sequence(der.sequence(*map(der.sequence, ids))))
    reply = responder.respond(request)
    names = [each.certificate_status.name for each in read(reply).responses]
    assert names == ["GOOD", "REVOKED"]
    assert reply.next_update is None


@pytest.mark.parametrize("data", [b"", b"nothing", b"\x30\x03\x02\x01\x00"])
def test_malformed_requests(responder, data):
    for reply in (responder.respond(data), responder.at_once(data)):
        assert read(reply).response_status is other.OCSPResponseStatus.MALFORMED_REQUEST


def test_a_nonce_comes_back_and_nothing_is_kept(responder, host, server_ca, statuses):
    request = ask(host, server_ca, nonce=b"x" * 32)
    for count in (1, 2):
        reply = responder.respond(request)
        nonce = read(reply).extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
        assert (nonce, reply.next_update) == (b"x" * 32, None)
        assert statuses.asked == count
        assert responder.at_once(request) is None


def test_a_response_is_served_again_until_something_changes(
    responder, host, server_ca, statuses, store
):
    request = ask(host, server_ca)
    assert responder.at_once(request) is None
    first = responder.respond(request)
    assert responder.at_once(request) is first
    assert statuses.asked == 1
    revoke(store, host)
    assert responder.at_once(request) is None
    assert read(responder.respond(request)).certificate_status.name == "REVOKED"
    assert read(responder.at_once(request)).certificate_status.name == "REVOKED"


@pytest.mark.parametrize("moved", [{"minutes": 31}, {"hours": -1}])
def test_an_old_response_and_one_from_the_future_are_not(responder, host, server_ca, clock, moved):
    request = ask(host, server_ca)
    clock.move(hours=3)
    responder.respond(request)
    clock.move(**moved)
    assert responder.at_once(request) is None
    found = read(responder.respond(request))
    assert found.this_update_utc < clock.now() < found.next_update_utc


def test_few_are_kept(responder, sql_authority, server_ca):
    requests = []
    for _ in range(5):
        issued = sql_authority.issue_server(
            csr.make(keys.generate()), kind=Kind.HOST, name="h", dns=["h"]
        )
        requests.append(ask(issued.certificate, server_ca))
        responder.respond(requests[-1])
    kept = [responder.at_once(each) is not None for each in requests]
    assert kept == [False, False, True, True, True]


def test_a_revocation_during_the_look_up_is_not_hidden(responder, host, server_ca, statuses, store):
    find = statuses.find

    def slow(ca, serials):
        found = find(ca, serials)
        revoke(store, host)
        return found

    statuses.find = slow
    request = ask(host, server_ca)
    responder.respond(request)
    del statuses.find
    assert responder.at_once(request) is None


def test_a_store_that_is_away_is_told(responder, host, server_ca, store):
    store.engine.dispose()
    responder._statuses.find = _away
    with pytest.raises(UnavailableError):
        responder.respond(ask(host, server_ca))


def _away(_ca, _serials):
    raise UnavailableError("the store is away")


def test_many_threads_at_once(responder, host, server_ca):
    request, found = ask(host, server_ca), []

    def often():
        found.extend(
            read(responder.at_once(request) or responder.respond(request)) for _ in range(20)
        )

    threads = [threading.Thread(target=often) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert {each.certificate_status.name for each in found} == {"GOOD"}
    assert len(found) == 80


def test_a_response_lasts_no_longer_than_who_signs_it(responder, host, server_ca, clock):
    end = server_ca.not_valid_after_utc
    clock.moment = end - timedelta(minutes=20)
    request = ask(host, server_ca)
    assert read(responder.respond(request)).next_update_utc == end
    clock.move(minutes=19)
    assert responder.at_once(request) is not None
    clock.move(minutes=1)
    assert responder.at_once(request) is None
    with pytest.raises(UnavailableError):
        responder.respond(request)
