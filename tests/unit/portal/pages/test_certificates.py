"""A key and a certificate as files, for one answer."""

import html
import re
from base64 import b64decode
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_pem_private_key,
    pkcs12,
)

from pgward.pki import keys
from tests.fixtures.ca_service import service
from tests.fixtures.edge_services import actions, aware, declare

PAGE = "/databases/orders"
BUTTON = "Make key and certificate"


@pytest.fixture
def alice(web, api, admin):
    """Alice at the page of orders, which she may use with a certificate."""
    api.add("alice", "dba")
    declare(admin, service())
    web.sign_in("alice").open(PAGE)
    return web


def files(page):
    """Return what the links of the page hold, by name."""
    found = re.findall(r'href="data:[^;]+;base64,([^"]+)" download="([^"]+)"', page.answer.text)
    return {name: b64decode(html.unescape(text)) for text, name in found}


def test_all_forms_are_of_one_key_and_of_the_person(alice, api):
    page = alice.press(BUTTON)
    assert (page.status, page.answer.headers["cache-control"]) == (200, "no-store")
    given = files(page)
    assert sorted(given) == [
        *("pgward-ca.crt", "pgward.crt", "pgward.key", "pgward.p12", "pgward.pk8"),
    ]
    leaf = x509.load_pem_x509_certificates(given["pgward.crt"])[0]
    assert leaf.subject.rfc4514_string() == "CN=alice"
    password = re.search(
        r"Password of pgward.p12</h2>\s*<div.*?<code[^>]*>(.*?)<", page.answer.text
    )
    assert password is not None
    key, certificate, more = pkcs12.load_key_and_certificates(
        given["pgward.p12"], password[1].encode()
    )
    assert (certificate, len(more)) == (leaf, 1)
    for each in (
        key,
        load_der_private_key(given["pgward.pk8"], None),
        load_pem_private_key(given["pgward.key"], None),
    ):
        assert keys.spki(each.public_key()) == keys.spki(leaf.public_key())
    assert given["pgward-ca.crt"].decode() == alice.open("/pgward-ca.crt").answer.text
    issued = actions(api, "certificate.issue")[-1]
    assert issued == ("alice", "certificate.issue", "ok", f"{leaf.serial_number:x}")
    assert actions(api, "certificate.files")[-1] == (
        *("alice", "certificate.files", "ok", f"{leaf.serial_number:x}"),
    )
    events = str(api.events())
    assert password[1] not in events
    assert given["pgward.key"].decode() not in events


def test_each_time_it_is_another_key_and_it_ends_with_the_sign_in(alice, admin):
    first = files(alice.press(BUTTON))
    alice.open(PAGE)
    second = files(alice.press(BUTTON))
    assert first["pgward.key"] != second["pgward.key"]
    alice.press("Sign out")
    certificates = admin.call("GET", "/v1/certificates?user=alice").json()["certificates"]
    assert [each["state"] for each in certificates] == ["revoked", "revoked"]


def test_an_authority_may_give_none(alice, app, api):
    authority = app.state.context.authority
    desk = app.state.context.desk
    login = replace(authority.settings.login, certificate_files=False)
    object.__setattr__(desk, "settings", replace(authority.settings, login=login))
    sent = {"csrf": alice.page.forms[0].fields["csrf"]}
    page = alice.send(f"{PAGE}/certificate", sent)
    assert (page.status, "gives out no certificates as files" in page.text) == (403, True)
    assert not any(BUTTON in each.buttons for each in alice.open(PAGE).forms)
    assert actions(api, "certificate.files") == []


def test_rules_for_certificates_hold_here_too(alice, api, admin):
    rule = {
        "kind": "LoginRule",
        "metadata": {"name": "disks"},
        "spec": {"appliesTo": {"users": ["alice"]}, "posture": {"diskEncryption": "required"}},
    }
    answer = admin.call("PUT", "/v1/resources/LoginRule/disks", rule)
    if answer.status_code >= 400:
        pytest.fail(answer.text)
    page = alice.press(BUTTON)
    assert page.status == 403
    assert actions(api, "certificate.files") == []


def test_who_may_not_use_it_gets_nothing(alice, api, admin):
    declare(admin, aware("strict", login={"certificate": False}))
    declare(admin, aware("hidden"), allow={"users": ["bob"]})
    sent = {"csrf": alice.page.forms[0].fields["csrf"]}
    for name, status in (("strict", 403), ("hidden", 404), ("none", 404)):
        assert alice.send(f"/databases/{name}/certificate", sent).status == status, name
    assert alice.send(f"{PAGE}/certificate", {"csrf": ""}).status == 403
    assert "alice" not in str(actions(api, "certificate."))
    assert alice.open(f"{PAGE}/certificate").status == 405
