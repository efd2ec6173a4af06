"""What people do from beginning to end, each in a Chromium of their own, before real servers."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psycopg
import pytest
from playwright.sync_api import expect, sync_playwright

from tests.fixtures import portal_browser
from tests.fixtures.ca import Person
from tests.fixtures.portal_browser import PortalBrowser
from tests.integration.test_portal_chromium import flow

pytestmark = [pytest.mark.integration, pytest.mark.soak]
PASSWORD = "a battery of the horse"
SECONDS = 15_000
Browser = Callable[[], PortalBrowser]


@pytest.fixture
def browser(site, tmp_path_factory) -> Iterator[Browser]:
    """Give another browser each time; each fails in the end for what it complained of."""
    with ExitStack() as opened:
        playwright = opened.enter_context(sync_playwright())

        def another() -> PortalBrowser:
            directory = tmp_path_factory.mktemp("browser")
            return opened.enter_context(portal_browser.opened(directory, site, playwright))

        yield another


def value(portal: PortalBrowser, label: str) -> str:
    """Return what a page shows once under a label."""
    place = portal.page.get_by_role("heading", name=label, exact=True).locator("..")
    return place.locator("code").inner_text()


def psql(uri: str, root: str, sql: str) -> subprocess.CompletedProcess[str]:
    found = uri.replace("sslrootcert=pgward-ca.crt", f"sslrootcert={root}")
    return subprocess.run(
        ["psql", found, "-XAtc", sql], capture_output=True, text=True, timeout=30, check=False
    )


def test_from_an_invitation_to_psql_with_a_one_time_password(stack, browser, tmp_path):
    name, group = stack.site.unique("ivy"), stack.site.unique("team")
    service = stack.aware(allow={"groups": [group]})
    boss, ivy = browser(), browser()
    boss.sign_in(stack.site.admin)
    boss.open("/admin/invitations")
    boss.page.get_by_label("User name").fill(name)
    boss.page.get_by_label("Groups").fill(group)
    boss.press("Invite")
    ivy.page.goto(boss.page.locator(".copy code").inner_text())
    ivy.page.get_by_label("Password").fill(PASSWORD)
    ivy.page.get_by_label("The same again").fill(PASSWORD)
    ivy.press("Set it, and sign in")
    ivy.open("/databases")
    ivy.page.get_by_role("link", name=service.name, exact=True).click()
    with ivy.page.expect_download() as roots:
        ivy.page.get_by_role("link", name="pgward-ca.crt", exact=True).first.click()
    roots.value.save_as(tmp_path / "pgward-ca.crt")
    ivy.press("Make a one-time password")
    ivy.look()
    uri = value(ivy, "Connection URI")
    done = psql(uri, str(tmp_path / "pgward-ca.crt"), "select 'in'")
    assert (done.stdout, done.returncode) == ("in\n", 0), done.stderr
    again = psql(uri, str(tmp_path / "pgward-ca.crt"), "select 'in'")
    assert again.returncode != 0


def test_two_people_ask_and_approve_at_the_same_time(site, browser):
    ann, bob = site.person(logged_in=False), site.person(logged_in=False)
    service = flow(site, ann, bob)
    asks, decides = browser(), browser()
    decides.sign_in(bob)
    decides.open("/requests")
    asks.sign_in(ann)
    asks.open(f"/requests/new/{service}")
    asks.page.get_by_label("Reason").fill("orders are stuck")
    asks.press("Ask")
    # Neither loads a page anew to see what the other one did.
    decides.page.get_by_role("link", name=service).click(timeout=SECONDS)
    decides.press("Approve")
    expect(asks.page.locator("main")).to_contain_text(f"{bob.name} approved", timeout=SECONDS)
    asks.look()


def test_a_recorded_session_is_played(stack, browser):
    person = stack.person()
    service = stack.aware(person, postgres={"recording": "results"})
    uri = person.data("otp", service.name)["uri"]
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("select 'a secret of the pudding' as pudding")
    auditor = site_auditor(stack)
    portal = browser()
    portal.sign_in(auditor)
    portal.open(f"/sessions/past?service={service.name}")
    for _ in range(30):  # edges deliver by and by
        if portal.page.get_by_role("link", name=service.name).count():
            break
        portal.page.wait_for_timeout(500)
        portal.page.reload()
    portal.page.get_by_role("link", name=service.name).first.click()
    for _ in range(30):
        if portal.page.get_by_role("link", name="Play the recording").count():
            break
        portal.page.wait_for_timeout(500)
        portal.page.reload()
    portal.page.get_by_role("link", name="Play the recording").click()
    portal.look()
    portal.page.get_by_role("button", name="Play", exact=True).click()
    expect(portal.page.locator("main")).to_contain_text("a secret of the pudding", timeout=SECONDS)
    portal.page.get_by_label("Find").fill("pudding")
    portal.press("Find")
    assert portal.page.locator("li.hit").count() >= 1
    portal.look()


def test_somebody_who_is_blocked_is_out_everywhere_within_seconds(stack, browser):
    eve = stack.person(word="eve")
    service = stack.aware(eve)
    uri = eve.data("otp", service.name)["uri"]
    boss, hers = browser(), browser()
    hers.sign_in(eve)
    hers.open("/requests")  # which looks again by itself
    boss.sign_in(stack.site.admin)
    boss.open(f"/admin/people/{eve.name}")
    with psycopg.connect(uri, autocommit=True) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
        boss.page.locator("summary", has_text="Block").click()
        boss.page.get_by_label("Why, for those who read it later").fill("left the company")
        boss.press(f"Block {eve.name}")
        with pytest.raises(psycopg.OperationalError) as ended:
            busy(connection)
        assert ended.value.sqlstate == "57P01"
    hers.page.wait_for_url("**/sign-in**", timeout=SECONDS)
    assert eve.run("whoami", "--check").returncode != 0
    assert eve.run("otp", service.name).returncode != 0


def busy(connection: psycopg.Connection) -> None:
    for _ in range(200):
        connection.execute("select pg_sleep(0.05)")


def site_auditor(stack) -> Person:
    """Return somebody who may look at records."""
    return stack.site.person("auditors", word="aud", logged_in=False)
