import asyncio
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.ca.acme import identifiers, tlsalpn01
from pgward.ca.acme.problems import AcmeError
from pgward.ca.acme.targets import Targets
from tests.fixtures.responders import alpn_certificate, tls_responder

NAME = identifiers.dns("a.test")
EXPECTED = "token.thumbprint"


def _der(*arguments, **fields) -> bytes:
    return alpn_certificate(*arguments, **fields)[0].public_bytes(Encoding.DER)


@pytest.mark.parametrize("name", ["a.test", "192.0.2.1", "2001:db8::1"])
def test_a_certificate_for_the_name_and_the_key_authorization(name):
    identifier = identifiers.read({"type": "dns" if name == "a.test" else "ip", "value": name})
    tlsalpn01.verify(_der(name, EXPECTED), identifier, EXPECTED)


@pytest.mark.parametrize(
    ("der", "what"),
    [
        (b"", "cannot be read"),
        (_der("b.test", EXPECTED), "not for this name alone"),
        (_der("a.test", "other"), "another key authorization"),
        (_der("a.test", EXPECTED, more=["b.test"]), "not for this name alone"),
        (_der("a.test", EXPECTED, critical=False), "another key authorization"),
        (_der("a.test", None), "not one for this challenge"),
    ],
)
def test_other_certificates_are_refused(der, what):
    with pytest.raises(AcmeError, match=what) as caught:
        tlsalpn01.verify(der, NAME, EXPECTED)
    assert caught.value.kind == "unauthorized"


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        (NAME, "a.test"),
        (identifiers.ip("192.0.2.1"), "1.2.0.192.in-addr.arpa"),
        (identifiers.ip("2001:db8::1"), f"1.{'0.' * 23}8.b.d.0.1.0.0.2.ip6.arpa"),
    ],
)
def test_the_server_name_of_an_address_is_its_reverse_name(identifier, name):
    assert tlsalpn01.server_name(identifier) == name


def _check(port, identifier=NAME):
    targets = Targets((), fixed={"a.test": "127.0.0.1"})
    asyncio.run(tlsalpn01.check(identifier, EXPECTED, targets=targets, port=port))


def test_a_host_that_answers_is_believed():
    with tls_responder({"a.test": EXPECTED}) as responder:
        _check(responder.port)
    assert responder.names == ["a.test"]


def test_an_address_that_answers_is_believed():
    with tls_responder({"127.0.0.1": EXPECTED}) as responder:
        _check(responder.port, identifiers.ip("127.0.0.1"))
    assert responder.names == ["1.0.0.127.in-addr.arpa"]


def test_a_web_server_that_knows_nothing_of_it_is_not():
    with (
        tls_responder({"a.test": EXPECTED}, protocols=["http/1.1"]) as responder,
        pytest.raises(AcmeError) as caught,
    ):
        _check(responder.port)
    assert caught.value.kind in ("unauthorized", "tls")


def test_what_is_not_there_is_told():
    with tls_responder({}) as responder:
        pass
    with pytest.raises(AcmeError, match=r"TLS to a.test port \d+ failed") as caught:
        _check(responder.port)
    assert caught.value.kind == "connection"


def test_the_extension_is_that_of_rfc_8737():
    certificate = x509.load_der_x509_certificate(_der("a.test", EXPECTED))
    found = certificate.extensions.get_extension_for_oid(tlsalpn01.IDENTIFIER_OID)
    assert found.critical
    assert ssl.HAS_ALPN
