"""The editor of resources in a real Chromium: both sides follow each other, and nothing is lost."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.fixtures import portal_browser
from tests.fixtures.portal_browser import PortalBrowser


@pytest.fixture
def portal(site, tmp_path) -> Iterator[PortalBrowser]:
    with portal_browser.opened(tmp_path, site) as made:
        yield made


def typed(page: Page, label: str, text: str) -> None:
    """Type into a field, and have the pause after it be over."""
    page.get_by_label(label, exact=True).fill(text)
    page.clock.run_for(1000)


def test_the_form_and_its_yaml_follow_each_other(site, portal):
    root, page = site.person("administrators", logged_in=False), portal.page
    name = site.unique("db")
    page.clock.install()
    portal.sign_in(root)
    portal.open("/admin/resources/services/+new?like=tcp")
    portal.look()
    page.set_viewport_size(portal_browser.DESKTOP)
    yaml = page.locator("#yaml")
    typed(page, "Name", name)
    expect(page.locator("#problems")).to_contain_text("spec.upstream.host")
    assert f"  name: {name}\n" in yaml.input_value()
    assert page.locator(":focus").get_attribute("name") == "metadata.name"
    problem = page.locator("#problems li").filter(has_text="spec.upstream.host")
    problem.get_by_role("link").click()
    assert page.evaluate("getSelection().toString()") == "    host: ''"
    yaml.fill(yaml.input_value().replace("host: ''", "host: db.internal"))
    page.clock.run_for(1000)
    expect(page.get_by_label("Host", exact=True)).to_have_value("db.internal")
    expect(page.locator("#problems")).to_contain_text("Nothing is wrong with it.")
    page.get_by_label("Mode", exact=True).select_option("postgres")
    page.clock.run_for(1000)
    expect(page.locator("#problems")).to_contain_text("spec.postgres")
    page.get_by_label("Mode", exact=True).select_option("tcp")
    page.clock.run_for(1000)
    expect(page.locator("#problems")).to_contain_text("Nothing is wrong with it.")
    portal.press("Review")
    portal.look()
    portal.press("Make it")
    assert portal.heading == name
