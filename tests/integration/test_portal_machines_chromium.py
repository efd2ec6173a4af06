"""Machines, servers and the authority in a real Chromium, on a phone and at a desk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgward.client.machine import Machine
from tests.fixtures import portal_browser
from tests.fixtures.ca import Site
from tests.fixtures.portal_browser import PortalBrowser

FINDINGS = [
    {"check": "connection", "verdict": "ok", "text": "PostgreSQL 16.4 takes it", "hint": None},
    {"check": "tls", "verdict": "warning", "text": "in clear text", "hint": "sslMode: verify-full"},
    {"check": "rights", "verdict": "problem", "text": "may make no roles", "hint": "set it up"},
]
SERVER = {"host": "db1.example.com", "user": "pgward_connector", "auth": {"none": True}}


@pytest.fixture(scope="module")
def portal(site, tmp_path_factory) -> Iterator[PortalBrowser]:
    with portal_browser.opened(tmp_path_factory.mktemp("portal"), site) as made:
        yield made


def enrolled(site: Site, directory: Path, kind: str, name: str) -> Machine:
    """Return a machine that enrolled."""
    token = site.api.post("/v1/tokens", {"kind": kind, "name": name})["token"]
    advertise = f"{name}.example.com:6432" if kind == "edge" else None
    return Machine.enroll(directory / name, token, advertise=advertise, kind=kind)


def serve(connector: Machine, name: str) -> None:
    """Tell of a server what its connector would."""
    (told,) = connector.wait_for("/v1/connector/wanted", {}, 0)["integrations"]
    found = {"integration": name, "number": told["check"], "findings": FINDINGS}
    connector.call("POST", "/v1/connector/check", found)


@pytest.mark.soak
def test_every_page_of_machines_can_be_read_and_used(site, portal, tmp_path):
    page, names = portal.page, {kind: site.unique(kind) for kind in ("edge", "host", "connector")}
    machines = {kind: enrolled(site, tmp_path, kind, name) for kind, name in names.items()}
    server = site.unique("shop-db")
    spec = {**SERVER, "connector": names["connector"]}
    body = {"kind": "Integration", "metadata": {"name": server}, "spec": spec}
    site.api.put(f"/v1/resources/integration/{server}", body)
    site.api.post(f"/v1/integrations/{server}/check", {})
    serve(machines["connector"], server)
    for each in machines.values():
        each.close()
    portal.sign_in(site.admin)
    (listed, *_) = site.api.get("/v1/certificates", host=names["host"])["certificates"]
    for path in (
        *("/admin", "/admin/integrations", f"/admin/integrations/{server}"),
        *(f"/admin/{kind}s" for kind in names),
        *(f"/admin/{kind}s/{name}" for kind, name in names.items()),
        *(f"/admin/integrations/{server}/{view}" for view in ("objects", "roles", "grants")),
        *("/admin/integrations/+new", "/admin/identity-providers"),
        *("/admin/ca", "/admin/ca/certificates", f"/admin/ca/certificates/{listed['serial']}"),
        *("/admin/ca/expiry", "/admin/ca/rotation", "/admin/ca/log"),
    ):
        portal.open(path)
        portal.look()
    portal.open("/admin/edges")
    page.locator("summary", has_text="Add an edge").click()
    page.get_by_label("Name", exact=True).fill("another")
    portal.press("Make a join token")
    portal.look()
    portal.open("/admin/integrations/+new")
    page.get_by_label("Name", exact=True).fill("till-db")
    page.get_by_label("Host").fill("db2.example.com")
    portal.press("Next: its account")
    portal.look()
    portal.press("I have run it: next")
    portal.look()
    page.get_by_label("Password", exact=True).fill("of the account")
    portal.press("Connect and test it")
    assert portal.heading == "till-db"
    portal.look()
    page.locator("summary", has_text="Forget it").click()
    portal.look()
    portal.press("Forget till-db")
