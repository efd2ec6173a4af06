"""Pages that change by themselves, in a real Chromium."""

import re

import pytest
from playwright.sync_api import expect

from tests.fixtures import portal_browser


@pytest.fixture
def portal(site, tmp_path):
    with portal_browser.opened(tmp_path, site) as made:
        yield made


def test_an_open_page_shows_what_came_since_and_that_its_person_was_signed_out(site, portal):
    ann, page = site.person("administrators", logged_in=False), portal.page
    page.clock.install()
    portal.sign_in(ann)
    portal.open("/admin")
    portal.look()
    service = site.service()
    spec = {
        "services": [service],
        "who": {"users": ["admin"]},
        "maxDuration": "8h",
        "approvals": [{"users": [ann.name]}],
    }
    body = {"kind": "AccessFlow", "metadata": {"name": service}, "spec": spec}
    site.api.put(f"/v1/resources/accessflow/{service}", body)
    site.api.post("/v1/access/requests", {"service": service, "reason": "live", "seconds": 3600})
    waiting = page.get_by_role("link", name=re.compile("Requests that wait for you"))
    assert "0" in waiting.inner_text()
    page.clock.run_for(10_000)
    expect(waiting).to_contain_text("1")
    site.api.delete(f"/v1/users/{ann.name}/logins")
    page.clock.run_for(10_000)
    page.wait_for_url("**/sign-in?next=*")


def test_a_phone_shows_where_in_a_part_one_is(site, portal):
    portal.sign_in(site.admin)
    portal.page.set_viewport_size(portal_browser.PHONE)
    portal.open("/admin/ca/log")
    here = portal.page.locator(".side [aria-current]")
    expect(here).to_be_in_viewport(ratio=1)
