from pgward.ca.acme import issued, renewal
from pgward.ca.acme.renewal import CertificateId
from pgward.pki.jws import encode


def test_what_an_account_holds(acme):
    client = acme.client()
    leaf, issuing = acme.issue(client, "db1.test")
    serial, account = f"{leaf.serial_number:x}", client.kid.rpartition("/")[2]
    with acme.store.read() as connection:
        found = issued.find(connection, serial)
        assert (found.account_id, found.names, found.kind, found.revoked) == (
            account,
            frozenset({"db1.test"}),
            "host",
            False,
        )
        assert found.chain.encode().startswith(b"-----BEGIN CERTIFICATE")
        assert issued.find_by_id(connection, renewal.identify(leaf)) == found
        assert issued.find_by_id(connection, CertificateId(b"x", leaf.serial_number)) is None
        assert issued.find(connection, "abc") is None
        assert issued.is_acme(connection, serial)
        assert not issued.is_acme(connection, f"{issuing.serial_number:x}")
        assert issued.living(connection, [account], acme.clock.now()) == [serial]
        assert issued.living(connection, ["other"], acme.clock.now()) == []
    client.revoke(leaf)
    with acme.store.read() as connection:
        assert issued.living(connection, [account], acme.clock.now()) == []
        assert issued.find(connection, serial).revoked
    assert encode(leaf.serial_number.to_bytes(20))
