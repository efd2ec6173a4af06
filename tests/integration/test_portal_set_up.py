"""From a new authority to the first connection, as an administrator does it with a browser."""

import shlex

import pytest
from playwright.sync_api import Locator, expect

from tests.fixtures import portal_browser
from tests.fixtures.ca_process import pgward
from tests.fixtures.edge_process import EdgeProcess, quiet_port


@pytest.fixture
def portal(own_site, tmp_path):
    with portal_browser.opened(tmp_path, own_site) as made:
        yield made


@pytest.mark.soak
def test_the_first_page_leads_to_the_first_connection(own_site, portal, pg, tmp_path):
    page, port = portal.page, quiet_port()
    looks_again: Locator = page.get_by_text("This looks again by itself")

    def token() -> str:
        found = page.get_by_role("button", name="Copy the token")
        return found.locator("..").locator("code").inner_text()

    def go_on(to: str) -> None:
        page.get_by_role("link", name=f"Go on: {to}").click()
        expect(page.get_by_role("heading", name=to)).to_be_visible()
        expect(looks_again).to_be_visible()

    portal.sign_in(own_site.admin)
    page.wait_for_url("**/admin/start")
    portal.look()
    page.get_by_role("link", name="skip it").click()

    page.get_by_label("Address").fill(f"127.0.0.1:{port}")
    portal.press("Make a token")
    portal.look()
    directory = tmp_path / "edge1"
    advertise = ("--token-file", "-", "--advertise", f"127.0.0.1:{port}")
    done = pgward("edge", "enroll", directory, *advertise, stdin=token())
    assert done.returncode == 0, done.stderr
    expect(page.get_by_text("No enrolled edge runs yet")).to_be_visible()
    edge = EdgeProcess(directory, port)
    try:
        go_on("Database server")
        page.get_by_label("Host name or address").fill("127.0.0.1")
        portal.press("Make a token")
        given = ("--data-dir", pg.data_dir, "--token-file", "-")
        done = pgward("hba", "apply", *given, stdin=token())
        assert done.returncode == 0, done.stderr
        go_on("Service")
        page.get_by_label("Name", exact=True).fill("shop")
        page.get_by_label("Port").fill(str(pg.port))
        page.get_by_label("Database").fill("postgres")
        portal.press("Create it")
        go_on("First connection")
        pg.psql("create role admin login")
        portal.look()
        first, second = page.locator("pre", has_text="pgward login").inner_text().splitlines()
        login = shlex.split(first)[1:]
        own_site.admin.ok(*login, "--password-stdin", stdin=f"{own_site.admin.password}\n")
        query = ("--", "-Atc", "select current_user")
        assert own_site.admin.ok(*shlex.split(second)[1:], *query) == "admin\n"
        page.get_by_role("link", name="That was all: to the overview").click()
        expect(page.get_by_text("Every machine is here")).to_be_visible()
    finally:
        edge.stop()
