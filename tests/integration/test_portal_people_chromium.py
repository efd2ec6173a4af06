"""People in a real Chromium: from an invitation to being in, and what administrators see of it."""

from collections.abc import Iterator

import pytest

from tests.fixtures import portal_browser
from tests.fixtures.ca import Person, Site
from tests.fixtures.portal_browser import PortalBrowser

PASSWORD = "a battery of the horse"


@pytest.fixture(scope="module")
def portal(site, tmp_path_factory) -> Iterator[PortalBrowser]:
    with portal_browser.opened(tmp_path_factory.mktemp("portal"), site) as made:
        yield made


def company(site: Site) -> Person:
    """Have some people, of whom one is looked at; she has a certificate and a service."""
    ann = site.person("sales", "on-call", word="ann")
    site.api.patch(f"/v1/users/{ann.name}", {"full_name": "Ann Arbor", "email": "ann@example.com"})
    for word in ("bob", "cem", "dora"):
        other = site.person("sales", word=word, logged_in=False)
        site.api.patch(f"/v1/users/{other.name}", {"full_name": word.title() * 48})  # as some are
    site.api.post(f"/v1/users/{other.name}/block", {"reason": "left the company"})
    service = site.service(groups=("sales",))
    ann.run("connect", service, "--help")
    site.api.post("/v1/secrets", {"name": f"{service}-password", "value": "c2VjcmV0"})
    return ann


@pytest.mark.soak
def test_somebody_is_invited_and_comes_in(site, portal):
    page = portal.page
    portal.sign_in(site.admin)
    portal.open("/admin/invitations")
    page.get_by_label("User name").fill("eve")
    page.get_by_label("Full name").fill("Eve Evening")
    page.get_by_label("Groups").fill("sales")
    portal.look()
    portal.press("Invite")
    portal.look()
    link = page.locator(".copy code").inner_text()
    portal.open("/admin/invitations")
    portal.look()
    portal.sign_out()

    page.goto(link)
    portal.look()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    portal.press("Set it, and sign in")
    assert portal.heading == "You are in, Eve Evening"
    portal.look()
    portal.sign_out()
    page.goto(link)
    assert portal.heading == "This link opens nothing"
    portal.look()


@pytest.mark.soak
def test_administrators_look_after_people(site, portal):
    page, ann = portal.page, company(site)
    portal.page.context.clear_cookies()
    portal.sign_in(site.admin)
    for path in ("/admin/people", "/admin/people?text=nobody", "/admin/groups", "/admin/devices"):
        portal.open(path)
        portal.look()
    for end in ("", "/sign-in", "/certificates", "/access"):
        portal.open(f"/admin/people/{ann.name}{end}")
        portal.look()
    portal.open(f"/admin/people/{ann.name}")
    page.get_by_text("Change it").click()
    page.locator(".confirm summary").first.click()
    page.get_by_text("Block", exact=True).click()
    portal.look()
    portal.open(f"/admin/people?text={'Dora' * 9}")
    page.locator("tbody a").first.click()
    portal.look()
    portal.open("/admin/groups/sales")
    portal.look()
    portal.open("/admin/secrets")
    portal.look()
    page.locator("tbody a").first.click()
    portal.look()
