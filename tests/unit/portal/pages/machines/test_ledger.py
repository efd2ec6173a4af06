"""Certificates, in a browser."""

import pytest

from pgward.pki import merkle
from tests.fixtures.ca_service import service
from tests.fixtures.edge_services import actions

PAGE = "/admin/ca/certificates"
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def serial(alice):
    found: str = alice.certificate()["serial"]
    return found


def test_certificates_are_found_by_whose_they_are_and_what_they_are(web, edge, serial):
    web.sign_in("root")
    short = f"{serial[:16]}…"
    assert web.open(PAGE).links[short] == f"{PAGE}/{serial}"
    edges = f"{edge.chain[0].serial_number:x}"[:16] + "…"
    for query, seen in (
        ("owner=user&name=alice", {short}),
        ("owner=edge&name=e1&kind=&state=", {edges}),
        ("edge=e1", {edges}),
        ("name=alice&state=active&kind=person", {short}),
        ("name=alice&state=revoked", set()),
        (f"serial={serial.upper()}", {short}),
    ):
        page = web.open(f"{PAGE}?{query}")
        assert page.status == 200, page.text
        assert {each for each in page.links if each.endswith("…")} == seen, query
    assert "None matches" in web.open(f"{PAGE}?name=nobody").text


def test_what_cannot_be_asked_is_said(web, api):
    web.sign_in("root")
    for query in ("serial=g", "kind=whim", "cursor=x", "state=%3Cscript%3E", "edge=a&host=b"):
        page = web.open(f"{PAGE}?{query}")
        assert page.status == 422, query
        assert "<script>" not in page.answer.text
    assert web.open(f"{PAGE}?name={'a' * 300}").status == 422
    assert web.open(f"{PAGE}?service=none").status == 404
    api.device("root").call("PUT", "/v1/resources/service/orders", service())
    assert web.open(f"{PAGE}?service=orders").status == 200


def test_a_list_goes_on(web, alice, monkeypatch):
    monkeypatch.setattr("pgward.portal.pages.machines.ledger._LIMIT", 1)
    first, second = alice.certificate()["serial"], alice.certificate()["serial"]
    page = web.sign_in("root").open(f"{PAGE}?name=alice")
    assert f"{second[:16]}…" in page.links or f"{first[:16]}…" in page.links
    page = web.open(page.links["Next page"])
    assert "First page" in page.links
    assert "Next page" not in page.links


def test_one_is_shown_with_its_proof_and_revoked(web, api, serial, clock):
    clock.move(minutes=2)
    page = web.sign_in("root").open(f"{PAGE}/{serial}")
    assert page.status == 200, page.text
    assert "Proved just now: entry 0" in page.text
    assert page.links["alice"] == "/admin/people/alice"
    assert web.client.get(f"{PAGE}/{serial}/pem").text.startswith("-----BEGIN CERTIFICATE")
    page = web.press("Revoke the certificate", reason="superseded", comment=EVIL)
    assert "1 certificate revoked." in page.text
    assert "superseded." in page.text
    assert EVIL not in page.answer.text
    assert "Revoke the certificate" not in page.text
    (event,) = actions(api, "certificate.revoke")
    assert event == ("root", "certificate.revoke", "ok", serial)
    csrf = page.forms[0].fields["csrf"]
    again = web.send(f"{PAGE}/{serial}", {"csrf": csrf, "reason": "superseded"})
    assert "It was already." in again.text


def test_a_proof_that_leads_nowhere_is_told(web, serial, monkeypatch):
    def fail(*_given: object) -> None:
        raise merkle.MerkleError("the inclusion proof is too short")

    monkeypatch.setattr(merkle, "check_inclusion", fail)
    page = web.sign_in("root").open(f"{PAGE}/{serial}")
    assert "Not proved: the inclusion proof is too short." in page.text


def test_machines_lead_to_their_pages_and_what_is_the_authoritys_own_stays(web, api, edge):
    web.sign_in("root")
    own = f"{edge.chain[0].serial_number:x}"
    assert web.open(f"{PAGE}/{own}").links["e1"] == "/admin/edges/e1"
    api.device("root").call("DELETE", "/v1/edges/e1")
    assert "e1" not in web.open(f"{PAGE}/{own}").links
    csrf = web.open("/admin").forms[0].fields["csrf"]
    for bad in ("ffff", "%3Cscript%3E", "zz"):
        assert web.open(f"{PAGE}/{bad}").status in {404, 422}
        assert web.send(f"{PAGE}/{bad}", {"csrf": csrf}).status in {404, 422}


def test_others_see_and_revoke_nothing(web, api, serial):
    csrf = web.sign_in("alice").open("/databases").forms[0].fields["csrf"]
    for path in (PAGE, f"{PAGE}/{serial}", f"{PAGE}/{serial}/pem"):
        assert web.open(path).status == 403
    assert web.send(f"{PAGE}/{serial}", {"csrf": csrf}).status == 403
    assert actions(api, "certificate.revoke") == []
