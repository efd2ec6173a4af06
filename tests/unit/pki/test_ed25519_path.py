"""Each refusal is checked on OpenSSL too, which was not written here."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.pki import chain, keys
from pgward.pki.errors import ChainError
from tests.fixtures.pki import NOW, name, usage

DAY = timedelta(days=1)
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")
NAMES = x509.NameConstraints([x509.DNSName("example.com")], None)


class Ca:
    """An Ed25519 CA."""

    def __init__(self, called, above=None, **wishes) -> None:
        self.key = ed25519.Ed25519PrivateKey.generate()
        self.certificate = build(self.key.public_key(), called, above or self, self, **wishes)

    def issue(self, called="leaf", public=None, **wishes):
        wishes = {"length": -1, "ca_usage": False, **wishes}
        public = public or keys.generate().public_key()
        return build(public, called, self, None, **wishes)


def build(public, called, above, new, *, length=1, days=30, ca_usage=True, eku=None, extra=()):
    issuer = name(called) if above is new else above.certificate.subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(called))
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + days * DAY)
        .add_extension(x509.KeyUsage(**vars_of(usage(ca=ca_usage))), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(above.key.public_key()),
            critical=False,
        )
    )
    if length is not None:
        constraints = x509.BasicConstraints(length >= 0, length if length >= 0 else None)
        builder = builder.add_extension(constraints, critical=True)
    if eku is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(eku), critical=False)
    for extension in extra:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(above.key, None)


def vars_of(found):
    names = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign"),
    )
    return {
        **{each: getattr(found, each) for each in names},
        "encipher_only": False,
        "decipher_only": False,
    }


CLIENT = [chain.CLIENT_AUTH]
ROOT = Ca("root")
ISSUING = Ca("issuing", ROOT, length=0)


def verify(leaf, between=(ISSUING.certificate,), roots=(ROOT.certificate,), now=NOW):
    return chain.verify(leaf, between, roots, now, chain.CLIENT_AUTH)


def test_a_leaf_leads_to_the_root():
    leaf = ISSUING.issue(eku=CLIENT)
    assert verify(leaf) == [leaf, ISSUING.certificate, ROOT.certificate]
    assert verify(leaf, [Ca("x").certificate, ISSUING.certificate])[-1] == ROOT.certificate


def under(**wishes):
    """Return a leaf under an issuing CA with these wishes, and that CA."""
    ca = Ca("odd", ROOT, **{"length": 0, **wishes})
    return ca.issue(eku=CLIENT), [ca.certificate]


DEEPER = Ca("deeper", ISSUING, length=0)
IMPOSTOR = Ca("issuing", ROOT, length=0)
IMPOSTOR.key = ed25519.Ed25519PrivateKey.generate()
REFUSED = [
    under(length=-1),
    under(length=None),
    under(ca_usage=False),
    under(days=-0.5),
    under(extra=(UNKNOWN,)),
    under(eku=[chain.SERVER_AUTH]),
    (ISSUING.issue(eku=CLIENT), []),
    (ISSUING.issue(eku=CLIENT, extra=(UNKNOWN,)), [ISSUING.certificate]),
    (DEEPER.issue(eku=CLIENT), [DEEPER.certificate, ISSUING.certificate]),
    (IMPOSTOR.issue(eku=CLIENT), [ISSUING.certificate]),
    (Ca("root").issue(eku=CLIENT), []),
]


@pytest.mark.parametrize(("leaf", "between"), REFUSED, ids=range(len(REFUSED)))
def test_what_openssl_refuses_is_refused(openssl, leaf, between):
    with pytest.raises(ChainError, match="the certificate is not trusted"):
        verify(leaf, between)
    pems = [each.public_bytes(Encoding.PEM) for each in (leaf, ROOT.certificate)]
    paths = [openssl.write(f"{at}", data) for at, data in enumerate(pems)]
    bundle = openssl.write("between", b"".join(e.public_bytes(Encoding.PEM) for e in between))
    given = ("-untrusted", bundle) if between else ()
    told = openssl.run(
        *("verify", "-x509_strict", "-purpose", "sslclient", "-attime", int(NOW.timestamp())),
        *("-CAfile", paths[1], *given, paths[0]),
    )
    assert "error" in told


def test_constraints_that_are_not_understood_are_refused():
    leaf, between = under(extra=(NAMES,))
    with pytest.raises(ChainError, match="no trusted CA has issued it"):
        verify(leaf, between)


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"eku": [chain.SERVER_AUTH]}, "issued for another purpose"),
        ({}, "extensions are missing"),
        ({"eku": CLIENT, "ca_usage": True}, "its key may not be used so"),
        ({"eku": CLIENT, "length": 0}, "it is a CA's"),
    ],
)
def test_the_leaf_has_the_rules_that_it_has_everywhere(wishes, message):
    with pytest.raises(ChainError, match=message):
        verify(ISSUING.issue(**wishes))


@pytest.mark.parametrize("now", [NOW + 31 * DAY, NOW - 2 * DAY])
def test_dates_are_checked(now):
    with pytest.raises(ChainError):
        verify(ISSUING.issue(eku=CLIENT), now=now)


def test_an_intermediate_of_a_stranger_changes_nothing(hierarchy):
    leaf = hierarchy.issuing.issue("alice", keys.generate(), CLIENT)
    between = [Ca("stranger").certificate, hierarchy.issuing.certificate]
    expected = [leaf, hierarchy.issuing.certificate, hierarchy.root.certificate]
    assert verify(leaf, between, [hierarchy.root.certificate]) == expected
