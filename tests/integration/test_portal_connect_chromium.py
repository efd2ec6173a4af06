"""A database in a real Chromium: settings of programs, and files that the page itself holds."""

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.fixtures import portal_browser
from tests.fixtures.portal_browser import PortalBrowser


@pytest.fixture(scope="module")
def portal(site, tmp_path_factory) -> Iterator[PortalBrowser]:
    with portal_browser.opened(tmp_path_factory.mktemp("portal"), site) as made:
        yield made


@pytest.mark.soak
def test_a_program_is_set_up_with_files_that_were_made_here(site, portal):
    person, page = site.person(logged_in=False), portal.page
    service = site.service(users=(person.name,))
    portal.sign_in(person)
    portal.open(f"/databases/{service}")
    portal.look()
    page.get_by_role("link", name="DBeaver").click()
    portal.look()
    with page.expect_download() as settings:
        page.get_by_role("link", name="Download as a file").click()
    assert settings.value.suggested_filename == f"data-sources-pgward-{service}.json"
    page.get_by_role("link", name="Straight, with downloaded files").click()
    portal.look()
    page.get_by_role("link", name="The page of the database").click()
    portal.press("Make key and certificate")
    portal.look()
    with page.expect_download() as bundle:
        page.get_by_role("link", name="pgward.p12").click()
    assert bundle.value.suggested_filename == "pgward.p12"
    password = page.locator(".copy code").inner_text()
    data = bundle.value.path().read_bytes()
    key, certificate, _ = pkcs12.load_key_and_certificates(data, password.encode())
    assert key is not None
    assert certificate is not None
    assert certificate.subject.rfc4514_string() == f"CN={person.name}"


@pytest.mark.soak
def test_a_passkey_is_made_on_the_account_and_counts_for_a_database(site, portal):
    person, page = site.person(logged_in=False), portal.page
    service = site.service(users=(person.name,))
    spec = site.api.get(f"/v1/resources/service/{service}")["resource"]["spec"]
    body = {"kind": "Service", "metadata": {"name": service}, "spec": {**spec, "stepUp": {}}}
    site.api.put(f"/v1/resources/service/{service}", body)
    portal.page.context.clear_cookies()
    portal.sign_in(person)
    portal.open("/me")
    portal.look()
    page.get_by_label("Name of a new passkey").fill("phone")
    portal.press("Add a passkey")
    portal.look()
    portal.press("Make the passkey")
    assert page.get_by_role("status").inner_text() == "The passkey phone is yours now."
    portal.look()
    portal.open(f"/databases/{service}")
    portal.press("Give it now")
    portal.look()
    portal.press("Use a passkey")
    assert page.get_by_role("status").inner_text() == "Your proof counts now."
