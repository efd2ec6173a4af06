import asyncio
import ssl
from pathlib import Path

import pytest

from pgward.core.errors import PgwardError
from pgward.pki import keys, pem
from pgward.tunnel.edge.upstreams import contexts
from pgward.tunnel.edge.upstreams.contexts import ClientCertificate, Contexts
from tests.fixtures.material import CLIENT, SmallCa


def get(contexts: Contexts, *what) -> ssl.SSLContext:
    return asyncio.run(contexts.get(*what))


@pytest.fixture(scope="module")
def ca() -> SmallCa:
    return SmallCa()


@pytest.fixture(scope="module")
def shown(ca) -> ClientCertificate:
    key = keys.generate()
    leaf = ca.users.issue("alice", key, CLIENT)
    chain = pem.text(leaf) + pem.text(ca.users.issuing.certificate)
    return ClientCertificate(chain.encode(), keys.to_pem(key, None))


@pytest.mark.parametrize(
    ("mode", "verify", "name"),
    [
        ("prefer", ssl.CERT_NONE, False),
        ("require", ssl.CERT_NONE, False),
        ("verify-ca", ssl.CERT_REQUIRED, False),
        ("verify-full", ssl.CERT_REQUIRED, True),
    ],
)
def test_what_is_checked_under_each_mode(ca, mode, verify, name):
    made = get(Contexts(), mode, ca.server_root.decode(), None)
    assert (made.verify_mode, made.check_hostname) == (verify, name)
    assert made.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_service_without_roots_trusts_nobody():
    assert get(Contexts(), "verify-full", "", None).cert_store_stats()["x509"] == 0


def test_the_roots_of_the_machine_may_be_meant():
    made = get(Contexts(), "verify-full", "system", None)
    assert made.cert_store_stats()["x509_ca"] > 0 or made.get_ca_certs() == []


def test_a_certificate_is_shown_and_leaves_no_file(ca, shown, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = len(list(Path("/proc/self/fd").iterdir()))
    get(Contexts(), "verify-full", ca.server_root.decode(), shown)
    assert list(tmp_path.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_what_was_used_last_is_kept(ca, shown, monkeypatch):
    monkeypatch.setattr(contexts, "_MOST_KEPT", 2)
    made, roots = Contexts(), ca.server_root.decode()
    first = get(made, "verify-ca", roots, None)
    other = get(made, "verify-ca", roots, shown)
    assert get(made, "verify-ca", roots, None) is first
    assert other is not first
    get(made, "require", None, None)
    assert get(made, "verify-ca", roots, None) is first
    assert get(made, "verify-ca", roots, shown) is not other


@pytest.mark.parametrize("roots", ["no PEM", "-----BEGIN CERTIFICATE-----\nAA\n"])
def test_wrong_roots_are_told(roots):
    with pytest.raises(PgwardError, match="TLS to PostgreSQL cannot be set up"):
        get(Contexts(), "verify-ca", roots, None)


def test_a_key_of_another_certificate_is_told(ca, shown):
    other = ClientCertificate(shown.chain, keys.to_pem(keys.generate(), None))
    with pytest.raises(PgwardError, match="KEY_VALUES_MISMATCH"):
        get(Contexts(), "verify-ca", ca.server_root.decode(), other)
    assert "PRIVATE" not in repr(other)
