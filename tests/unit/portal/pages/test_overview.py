import pytest

from tests.fixtures import integrations
from tests.fixtures.ca_service import Device
from tests.fixtures.web_person import WebPerson

EVIL = "<script>alert(1)</script>"


def test_an_administrator_sees_the_machines_that_are_away(web, edge, clock):
    assert "e1 has never been seen (edges)" in web.sign_in("root").open("/admin").text
    assert edge.call("GET", "/v1/edge/snapshot").status_code == 200
    assert "Every machine is here" in web.open("/admin").text
    clock.move(minutes=6)
    page = web.open("/admin")
    assert "e1 is away (edges)" in page.text
    assert page.links["e1"] == "/admin/edges/e1"


def test_servers_that_cannot_be_worked_are_named_with_the_connectors_words(web, api, admin):
    connector = api.machine(admin, "connector", "c1")
    integrations.declare(admin, edge=None, connector="c1")
    health = {"state": "away", "problem": EVIL}
    report = {"id": "a" * 32, "integration": "shop-db", "version": 1, "health": health}
    assert connector.call("POST", "/v1/connector/report", report).status_code == 200
    page = web.sign_in("root").open("/admin")
    assert f"shop-db {EVIL} (servers)" in page.text
    assert EVIL not in page.answer.text
    assert page.links["shop-db"] == "/admin/integrations/shop-db"


def test_a_rotation_that_is_under_way_is_told(rotating_ca):
    rotation = rotating_ca.start("user-issuing")
    page = WebPerson(rotating_ca.api.client.app).sign_in("root").open("/admin")
    assert f"the rotation {rotation.id} is in trust-both" in page.text


@pytest.mark.usefixtures("api")
def test_a_new_authority_says_how_to_have_a_first_edge(web):
    assert web.sign_in("root").open("/admin").links["Set up the first"] == "/admin/start"


def test_people_are_counted_and_devices_that_wait(web, api, admin, alice):  # noqa: ARG001 - her first
    rule = {"appliesTo": {"groups": ["dba"]}, "devices": "approval"}
    body = {"kind": "LoginRule", "metadata": {"name": "r"}, "spec": rule}
    assert admin.call("PUT", "/v1/resources/LoginRule/r", body).status_code in {200, 201}
    page = web.sign_in("root").open("/admin")
    assert "People 2 Devices that wait for a yes 0" in page.text
    assert Device(api).login("alice").json()["ask"]["kind"] == "approval"
    assert "Devices that wait for a yes 1" in web.open("/admin").text


def test_others_see_nothing_of_it(web, api):
    api.add("alice")
    page = web.sign_in("alice").open("/admin")
    assert (page.status, "Only an administrator may do this" in page.text) == (403, True)
