"""ACME clients against a real `ca serve` over TLS: challenges, restarts, and the command line."""

import json
import re
import threading

import pytest
from cryptography import x509

from pgward.pki import keys, pem
from tests.fixtures.acme import settled
from tests.fixtures.acme_client import kind_of
from tests.fixtures.acme_site import NAME, OTHER, AcmeSite, allow_loopback
from tests.fixtures.ca import Site
from tests.fixtures.ca_process import CaProcess, create_ca
from tests.fixtures.responders import http_files, http_responder, tls_responder

pytestmark = pytest.mark.integration


@pytest.fixture
def client(acme_site):
    made = acme_site.client()
    assert made.register(acme_site.key("--dns", "*.pgward.test", "--ip", "127.0.0.1")).is_success
    yield made
    made.http.close()


def _issue(client, order, *names):
    done = client.finalize(order, *names).json()
    assert done["status"] == "valid", done
    return pem.split(client.post(done["certificate"]).content)


@pytest.mark.parametrize("name", [NAME, "127.0.0.1"])
def test_tls_alpn_01(acme_site, client, name):
    order = client.order(name).json()
    (url,) = order["authorizations"]
    challenge = client.challenge(client.post(url).json(), "tls-alpn-01")
    shown = {name: client.key_authorization(challenge)}
    with tls_responder(shown, acme_site.tls_port):
        client.post(challenge["url"], {})
        assert settled(client, url)["status"] == "valid"
    leaf, issuing = _issue(client, order, name)
    leaf.verify_directly_issued_by(issuing)


def test_many_names_at_once(acme_site, client):
    order = client.order(NAME, OTHER).json()
    files = {}
    with http_responder(http_files(files), acme_site.http_port):
        for authorization in client.authorizations(order):
            challenge = client.challenge(authorization, "http-01")
            files[challenge["token"]] = client.key_authorization(challenge)
            client.post(challenge["url"], {})
        for url in order["authorizations"]:
            assert settled(client, url)["status"] == "valid"
    leaf, _ = _issue(client, order, NAME, OTHER)
    san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert san.get_values_for_type(x509.DNSName) == [NAME, OTHER]


@pytest.fixture
def own_acme(tmp_path):
    """A CA of this test's own."""
    ports = allow_loopback(create_ca(tmp_path / "ca"))
    site = Site(CaProcess(tmp_path / "ca"), tmp_path)
    yield AcmeSite(site, *ports)
    site.close()


@pytest.mark.soak
def test_a_validation_goes_on_after_a_restart(own_acme):
    eab, site = own_acme.key("--dns", NAME), own_acme.site
    asked, go_on, files = threading.Event(), threading.Event(), {}

    def answer(handler):
        asked.set()
        go_on.wait(30)
        http_files(files)(handler)

    before = own_acme.client()
    with http_responder(answer, own_acme.http_port):
        with before.http:
            before.register(eab)
            order = before.order(NAME).json()
            (url,) = order["authorizations"]
            challenge = before.challenge(before.post(url).json(), "http-01")
            files[challenge["token"]] = before.key_authorization(challenge)
            before.post(challenge["url"], {})
            assert asked.wait(30)
        site.ca.stop()
        go_on.set()
        site.restart()
        after = own_acme.client(key=before.key, kid=before.kid)
        with after.http:
            assert settled(after, url)["status"] == "valid"
            assert after.finalize(order, NAME).json()["status"] == "valid"


def test_an_administrator_sees_and_ends_it_all(acme_site):
    admin, eab = acme_site.site.admin, acme_site.key("--dns", NAME)
    client = acme_site.client(key=keys.generate())
    with client.http:
        assert client.register(eab).is_success
        account = client.kid.rpartition("/")[2]
        found = admin.data("ca", "acme", "account", "list")
        assert [each["key"] for each in found if each["id"] == account] == [eab["name"]]
        listed = admin.data("ca", "acme", "key", "list")
        assert {k["name"]: k["state"] for k in listed}[eab["name"]] == "used up"
        assert not re.search(eab["hmac_key"], json.dumps(listed))
        admin.ok("ca", "acme", "key", "revoke", eab["name"])
        assert kind_of(client.order(NAME)) == "unauthorized"
