from dataclasses import replace

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from pgward.audit.chain import manifest as manifests
from pgward.ca.archive import signers
from pgward.core.errors import DeniedError
from pgward.pki import keys
from tests.fixtures.chunks import Teller, record
from tests.fixtures.pki import TestCa


def check(api, signed, roots=()):
    with api.store.read() as connection:
        signers.check(connection, signed, lambda: list(roots))


@pytest.fixture
def signed(edge):
    return manifests.read(Teller(edge).pack(record(1)).manifest)


def test_an_edge_s_own_certificate(api, signed):
    check(api, signed)


def test_one_that_expired_or_was_replaced(api, signed):
    api.clock.move(hours=24 * 60)
    check(api, signed)
    api.machine(api.device("root"), "edge", "e1")
    check(api, signed)


def test_one_whose_key_was_compromised(api, admin, signed):
    serial = f"{signed.certificates[0].serial_number:x}"
    body = {"reason": "keyCompromise"}
    answer = admin.call("POST", f"/v1/certificates/{serial}/revoke", body)
    assert answer.status_code == 200, answer.text
    with pytest.raises(DeniedError, match="the key that signed the manifest was compromised"):
        check(api, signed)


@pytest.mark.parametrize("kind", ["host", "edge"])
def test_another_machine_s(api, admin, kind):
    other = api.machine(admin, kind, "e2")
    signed = manifests.read(Teller(other).pack(record(1)).manifest)
    with pytest.raises(DeniedError, match="the manifest was not signed by this edge"):
        check(api, signed)


def of_unknown(ca, name="e1"):
    """Return a manifest whose certificate the ledger does not know."""
    key = keys.generate()
    leaf = ca.issue(name, key, [ExtendedKeyUsageOID.SERVER_AUTH])
    machine = type("Machine", (), {"key": key, "chain": [leaf, ca.certificate]})
    return manifests.read(Teller(machine).pack(record(1)).manifest)


def test_one_that_the_ledger_lost(api):
    """The store was put back to a time before it was issued."""
    ca = TestCa.root("server CA")
    check(api, of_unknown(ca), [ca.certificate])
    with pytest.raises(DeniedError, match="the manifest was not signed by this edge"):
        check(api, of_unknown(ca, "e2"), [ca.certificate])


def test_a_stranger_s(api):
    ca, ours = TestCa.root("server CA"), TestCa.root("server CA")
    with pytest.raises(
        DeniedError, match="was not signed by this edge: the certificate is not tru"
    ):
        check(api, of_unknown(ca), [ours.certificate])


def test_a_certificate_in_the_name_of_one_that_is_known(api, signed):
    """The serial number is an edge's, and the key another."""
    leaf = signed.certificates[0]
    forged = of_unknown(TestCa.root("server CA")).certificates[0]
    fake = type(
        "Certificate",
        (),
        {"serial_number": leaf.serial_number, "public_key": forged.public_key},
    )()
    with pytest.raises(DeniedError, match="the manifest was not signed by this edge"):
        check(api, replace(signed, certificates=[fake]))
