"""Files that the portal gives, and the settings that name them, used by psql without pgward."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.fixtures import portal_browser
from tests.fixtures.portal_browser import PortalBrowser


@pytest.fixture(scope="module")
def portal(stack, tmp_path_factory) -> Iterator[PortalBrowser]:
    with portal_browser.opened(tmp_path_factory.mktemp("portal"), stack.site) as made:
        yield made


def save(portal, link, directory):
    """Press a link that is a file, and keep the file."""
    with portal.page.expect_download() as coming:
        portal.page.get_by_role("link", name=link, exact=True).click()
    path = directory / coming.value.suggested_filename
    coming.value.save_as(path)
    path.chmod(0o600)


@pytest.mark.soak
def test_psql_gets_in_with_what_the_portal_gave(stack, portal, tmp_path):
    person, page = stack.person(), portal.page
    service = stack.aware(person)
    portal.sign_in(person)
    portal.open(f"/databases/{service.name}")
    portal.look()
    portal.press("Make key and certificate")
    for file in ("pgward.key", "pgward.crt", "pgward-ca.crt"):
        save(portal, file, tmp_path)
    page.get_by_role("link", name="choose a program").click()
    page.get_by_role("link", name="psql", exact=True).click()
    page.get_by_role("link", name="Straight, with downloaded files").click()
    page.get_by_label("Where the files are on that machine").fill(str(tmp_path))
    with page.expect_navigation():
        page.get_by_role("button", name="Change").click()
    assert psql(page) == (service.role, "")


@pytest.mark.soak
def test_psql_gets_in_with_a_token_and_the_settings_for_it(stack, portal, tmp_path):
    person, page = stack.person(), portal.page
    service = stack.aware(person)
    page.context.clear_cookies()
    portal.sign_in(person)
    portal.open(f"/databases/{service.name}")
    portal.press("Make a token")
    portal.look()
    password = page.locator(".copy code").first.inner_text()
    save(portal, "pgward-ca.crt", tmp_path)
    page.get_by_role("link", name="How a program is set up with it").click()
    portal.look()
    page.goto(page.url.replace("/dbeaver?", "/psql?"))
    page.get_by_label("Where the files are on that machine").fill(str(tmp_path))
    with page.expect_navigation():
        page.get_by_role("button", name="Change").click()
    assert psql(page, PGPASSWORD=password) == (service.role, "")


def psql(page, **variables):
    """Run the command that the page shows; return who one is, and what was complained of."""
    command = page.locator(".copy pre").inner_text()
    done = subprocess.run(
        ["sh", "-c", f"{command} -Atc 'select current_user'"],
        # Which no name server knows.
        env={"PATH": os.environ["PATH"], "PGHOSTADDR": "127.0.0.1", **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip(), done.stderr
