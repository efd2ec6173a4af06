"""Revocation as others see it: OpenSSL's OCSP client and verifier, and files on a disk."""

import json
import time
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from pgward.client.machine import Machine
from tests.fixtures.ca import Site
from tests.fixtures.ca_process import CaProcess, create_ca
from tests.fixtures.pkilint import OpenSsl, lint_certificate, lint_crl, lint_ocsp

pytestmark = pytest.mark.integration

SETTINGS = {
    'public_http = ""': 'public_http = "127.0.0.1:0"',
    'publish_to = ""': 'publish_to = "published"',
    'crl_url = ""': 'crl_url = "http://crl.example.com/crls/{ca}.crl"',
    'ocsp_url = ""': 'ocsp_url = "http://ocsp.example.com/ocsp"',
}


@dataclass
class Place:
    """A CA with all ways of telling of revocation, and a host that it issued to."""

    site: Site
    http: str
    openssl: OpenSsl
    machine: Machine

    @property
    def leaf(self) -> x509.Certificate:
        return self.machine.leaf

    @property
    def serial(self) -> str:
        return f"{self.leaf.serial_number:x}"

    def cert(self, name: str) -> Path:
        return self.site.ca.directory / "certs" / f"{name}.crt"

    def published(self, name: str) -> Path:
        return self.site.ca.directory / "published" / name

    def revoke(self) -> None:
        path = f"/v1/certificates/{self.serial}/revoke"
        self.site.api.post(path, {"reason": "keyCompromise"})

    def ask(self, *arguments: object, url: str | None = None) -> str:
        """Ask with `openssl ocsp` over plain HTTP, and verify up to the root."""
        return self.openssl.run(
            *("ocsp", "-issuer", self.cert("server-issuing"), "-url", url or f"{self.http}/ocsp"),
            *("-CAfile", self.cert("server-root"), "-text", *arguments),
        )

    def verify(self, *arguments: object, crls: str = "server.pem") -> str:
        """Verify the host's certificate with `openssl verify`, and every CRL of the chain."""
        leaf = self.openssl.write("leaf.pem", self.leaf.public_bytes(Encoding.PEM))
        return self.openssl.run(
            *("verify", "-x509_strict", "-crl_check_all", "-CAfile", self.cert("server-root")),
            *("-untrusted", self.cert("server-issuing"), "-CRLfile", self.published(crls)),
            *(*arguments, leaf),
        )


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A CA that the tests of this module share, and its plain-HTTP address."""
    directory = tmp_path_factory.mktemp("revocation")
    settings = create_ca(directory / "ca") / "pgward.toml"
    text = settings.read_text()
    for old, new in SETTINGS.items():
        assert old in text
        text = text.replace(old, new)
    settings.write_text(text)
    site = Site(CaProcess(directory / "ca"), directory)
    told = json.loads((directory / "ca.ready").read_text())
    yield site, f"http://{told['public_http']}"
    site.close()


@pytest.fixture
def place(served, tmp_path, openssl):
    """That CA, and a host of this test's own."""
    site, http = served
    name = site.unique("db")
    body = {"kind": "host", "name": name, "dns": [f"{name}.example.com"], "ttl_seconds": 600}
    token = site.api.post("/v1/tokens", body)["token"]
    machine = Machine.enroll(tmp_path / "host", token, advertise=None)
    yield Place(site, http, openssl, machine)
    machine.close()


def wait_for_change(path: Path, before: bytes) -> None:
    """The publisher works in another process: its file is all that one can watch."""
    deadline = time.monotonic() + 20
    while path.read_bytes() == before:
        assert time.monotonic() < deadline, "the file did not change"
        time.sleep(0.05)


def test_openssl_asks_and_believes_the_answer(place):
    serial = ("-serial", f"0x{place.serial}")
    for options in ((), ("-no_nonce",), ("-sha256",)):
        told = place.ask(*options, *serial)
        assert "Response verify OK" in told
        assert f"0x{place.serial}: good" in told
        # With a nonce, OpenSSL warns when it does not come back.
        assert "WARNING" not in told
    place.revoke()
    for options in ((), ("-no_nonce",)):
        told = place.ask(*options, *serial)
        assert "Response verify OK" in told
        assert f"0x{place.serial}: revoked" in told
        assert "Reason: keyCompromise" in told
    assert "Reason: certificateHold" in place.ask("-serial", "0x1234")
    both = place.ask(*serial, "-serial", "0x1234")
    assert "Response verify OK" in both
    assert both.count("Cert Status: revoked") == 2


def test_openssl_asks_over_https_as_well(place):
    told = place.ask("-serial", f"0x{place.serial}", url=f"{place.site.ca.url}/ocsp")
    assert "Response verify OK" in told
    assert ": good" in told


def test_of_an_issuing_ca_only_the_roots_list_tells(place):
    issuing = place.cert("server-issuing")
    told = place.openssl.run(
        *("ocsp", "-issuer", place.cert("server-root"), "-cert", issuing),
        *("-url", f"{place.http}/ocsp", "-CAfile", place.cert("server-root")),
    )
    assert "unauthorized (6)" in told


def test_get_and_post_say_the_same(place):
    request = place.openssl.directory / "request.der"
    place.openssl.run(
        *("ocsp", "-issuer", place.cert("server-issuing"), "-serial", f"0x{place.serial}"),
        *("-no_nonce", "-reqout", request),
    )
    data = request.read_bytes()
    path = quote(b64encode(data).decode(), safe="")
    with httpx2.Client(trust_env=False) as http:
        posted = http.post(f"{place.http}/ocsp", content=data)
        got = http.get(f"{place.http}/ocsp/{path}")
    assert got.content == posted.content
    found = ocsp.load_der_ocsp_response(got.content)
    assert found.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert "max-age=300" in got.headers["cache-control"]
    assert lint_ocsp(got.content) == []
    (delegate,) = found.certificates
    assert lint_certificate(delegate) == []
    answer = place.openssl.write("answer.der", got.content)
    told = place.openssl.run(
        *("ocsp", "-respin", answer, "-reqin", request, "-CAfile", place.cert("server-root")),
        *("-verify_other", place.cert("server-issuing")),
    )
    assert "Response verify OK" in told


def test_certificates_say_where_to_ask(place):
    extensions = place.leaf.extensions
    points = extensions.get_extension_for_class(x509.CRLDistributionPoints)
    assert [name.value for each in points.value for name in each.full_name] == [
        "http://crl.example.com/crls/server-issuing.crl"
    ]
    access = extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    assert [each.access_location.value for each in access.value] == ["http://ocsp.example.com/ocsp"]
    assert not points.critical
    assert not access.critical
    assert lint_certificate(place.leaf) == []


def test_files_follow_a_revocation(place):
    file = place.published("server-issuing.crl")
    before = file.read_bytes()
    assert place.verify().endswith(": OK\n")
    place.revoke()
    wait_for_change(file, before)
    newest = x509.load_der_x509_crl(file.read_bytes())
    assert newest.get_revoked_certificate_by_serial_number(place.leaf.serial_number)
    with httpx2.Client(trust_env=False) as http:
        served = http.get(f"{place.http}/crls/server-issuing.crl").content
    assert served == file.read_bytes()
    assert "certificate revoked" in place.verify()


@pytest.mark.parametrize("ca", ["server-root", "server-issuing", "user-root", "user-issuing"])
def test_every_list_is_accepted_by_those_who_judge(place, ca):
    found = place.openssl.run(
        *("crl", "-inform", "DER", "-in", place.published(f"{ca}.crl")),
        *("-CAfile", place.cert(ca), "-noout", "-text"),
    )
    assert "verify OK" in found
    assert lint_crl(place.published(f"{ca}.crl").read_bytes()) == []


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        (timedelta(seconds=-30), ": OK\n"),
        (timedelta(hours=1), ": OK\n"),
        (timedelta(hours=-1), "CRL is not yet valid"),
        (timedelta(days=8), "CRL has expired"),
    ],
)
def test_a_verifiers_clock_that_is_wrong(place, moved, expected):
    moment = int((datetime.now(UTC) + moved).timestamp())
    assert expected in place.verify("-attime", moment)
