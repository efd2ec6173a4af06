import re
import subprocess

import pytest
from cryptography import x509

from pgward.ca.issuing.rules import NO_RULES
from pgward.ca.records import Kind
from pgward.pki import csr, keys, pem
from tests.fixtures.authority import START
from tests.fixtures.pki import usage
from tests.fixtures.pkilint import lint_certificate

KEY = keys.generate()
_BYTES = re.compile(r"([0-9A-F]{2}:)+[0-9A-F]{2}")


@pytest.fixture
def login(authority):
    return (
        authority.begin_login(
            csr.make(KEY),
            user="alice",
            session_id="s1",
            session_ends=START.replace(hour=20),
            rules=NO_RULES,
        )
        .result()
        .certificate
    )


@pytest.fixture
def server(authority):
    return authority.issue_server(
        csr.make(KEY), kind=Kind.HOST, name="db1", dns=["db1.example.com"], ips=["10.0.0.5", "::1"]
    ).certificate


@pytest.fixture
def signer(authority):
    return authority._parts.servers.issue_snapshot_signer(
        KEY.public_key(), not_after=START.replace(hour=20)
    ).certificate


def text(certificate: x509.Certificate) -> str:
    return subprocess.run(
        ["openssl", "x509", "-noout", "-text"],
        input=pem.text(certificate),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def extensions(certificate: x509.Certificate) -> list[str]:
    """The X509v3 part of openssl's text without key identifiers, a line each."""
    lines = text(certificate).partition("X509v3 extensions:")[2].partition("Signature Alg")[0]
    kept = [line.strip() for line in lines.splitlines() if line.strip()]
    return [line for line in kept if "Identifier" not in line and not _BYTES.fullmatch(line)]


def test_a_login_certificate(login):
    assert extensions(login) == [
        "X509v3 Basic Constraints: critical",
        "CA:FALSE",
        "X509v3 Key Usage: critical",
        "Digital Signature",
        "X509v3 Extended Key Usage:",
        "TLS Web Client Authentication",
    ]
    assert "Subject: CN = alice\n" in text(login)


def test_a_server_certificate(server):
    assert extensions(server) == [
        "X509v3 Basic Constraints: critical",
        "CA:FALSE",
        "X509v3 Key Usage: critical",
        "Digital Signature",
        "X509v3 Extended Key Usage:",
        "TLS Web Server Authentication",
        "X509v3 Subject Alternative Name:",
        "DNS:db1.example.com, IP Address:10.0.0.5, IP Address:0:0:0:0:0:0:0:1",
    ]


def test_a_snapshot_signers_certificate(signer):
    assert extensions(signer) == [
        "X509v3 Basic Constraints: critical",
        "CA:FALSE",
        "X509v3 Key Usage: critical",
        "Digital Signature",
        "X509v3 Extended Key Usage:",
        "1.2.840.113556.1.8000.2554.51780.6945.17817.19014.41068.10048671.6004386",
    ]


def test_cas(new_user_hierarchy):
    root, issuing = new_user_hierarchy.root.certificate, new_user_hierarchy.issuing.certificate
    usage = ["X509v3 Key Usage: critical", "Certificate Sign, CRL Sign"]
    basic = "X509v3 Basic Constraints: critical"
    assert extensions(root) == [basic, "CA:TRUE, pathlen:1", *usage]
    assert extensions(issuing) == [basic, "CA:TRUE, pathlen:0", *usage]


def test_authority_key_identifiers_name_the_key_only(login, server, signer, hierarchies):
    for leaf, issuer in [
        (login, hierarchies.user.issuing.certificate),
        (server, hierarchies.server.issuing.certificate),
        (signer, hierarchies.server.issuing.certificate),
        (hierarchies.user.issuing.certificate, hierarchies.user.root),
    ]:
        aki = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        ski = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        assert (aki.key_identifier, aki.authority_cert_issuer) == (ski.digest, None)
        assert aki.authority_cert_serial_number is None


def test_serial_numbers_are_long_and_fit_in_twenty_octets(authority):
    serials = {
        authority.begin_login(
            csr.make(KEY),
            user="alice",
            session_id="s",
            session_ends=START.replace(hour=20),
            rules=NO_RULES,
        )
        .result()
        .certificate.serial_number
        for _ in range(100)
    }
    assert len(serials) == 100
    assert max(serial.bit_length() for serial in serials) <= 159
    assert max(serial.bit_length() for serial in serials) > 150


def test_pkilint_finds_nothing(login, server, signer, new_user_hierarchy, new_server_hierarchy):
    cas = [
        ca.certificate
        for new in (new_user_hierarchy, new_server_hierarchy)
        for ca in (new.root, new.issuing)
    ]
    assert [lint_certificate(each) for each in (login, server, signer, *cas)] == [[]] * 7


def test_a_wildcard_is_all_that_pkilint_minds(authority):
    # RFC 5280 leaves wildcards open (section 4.2.1.6); libpq takes them (RFC 9525 section 6.3).
    wildcard = authority.issue_server(
        csr.make(KEY), kind=Kind.EDGE, name="e1", dns=["*.db.example.com"]
    )
    (finding,) = lint_certificate(wildcard.certificate)
    assert finding.startswith("pkix.invalid_domain_name_syntax")


def test_pkilint_would_find_something(hierarchy):
    # The judge judges: a CA without keyCertSign breaks RFC 5280 section 4.2.1.9.
    bad = hierarchy.issuing.issue("x", KEY, [], path_length=0, key_usage=usage(ca=False))
    assert any("keycertsign" in finding for finding in lint_certificate(bad))
