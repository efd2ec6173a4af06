"""The portal in a real Chromium: what it shows and asks, on a phone and at a desk."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Route

from pgward.core.clock import SystemClock
from tests.fixtures import portal_browser
from tests.fixtures.ca import Person, Site
from tests.fixtures.factors import App
from tests.fixtures.portal_browser import PortalBrowser
from tests.integration.test_passkeys import Browser, add_passkey


@pytest.fixture(scope="module")
def portal(site, tmp_path_factory) -> Iterator[PortalBrowser]:
    with portal_browser.opened(tmp_path_factory.mktemp("portal"), site) as made:
        yield made


@pytest.fixture(autouse=True)
def _nothing_noted(portal) -> Iterator[None]:
    """Nobody is signed in, and what a browser complained of is the test's that it was in."""
    portal.page.context.clear_cookies()
    yield
    problems, portal.problems = portal.problems, []
    assert problems == []


def flow(site: Site, person: Person, decider: Person) -> str:
    """Have a service that one may ask for and another decides about."""
    service = site.service()
    spec = {
        "services": [service],
        "who": {"users": [person.name]},
        "maxDuration": "8h",
        "reason": "required",
        "approvals": [{"users": [decider.name]}],
    }
    body = {"kind": "AccessFlow", "metadata": {"name": f"{service}-entry"}, "spec": spec}
    site.api.put(f"/v1/resources/accessflow/{service}-entry", body)
    return service


def rule(site: Site, person: Person, **spec: object) -> None:
    """Have logins of somebody fulfil a rule."""
    name = site.unique("rule")
    body = {
        "kind": "LoginRule",
        "metadata": {"name": name},
        "spec": {"appliesTo": {"users": [person.name]}, **spec},
    }
    site.api.put(f"/v1/resources/loginrule/{name}", body)


@pytest.mark.soak
def test_access_is_asked_for_and_given_on_a_phone(site, portal):
    ann, bob = site.person(logged_in=False), site.person(logged_in=False)
    long = "A name that is as long as some people's are, and has no place on a phone's screen"
    site.api.patch(f"/v1/users/{ann.name}", {"full_name": long})
    site.service(users=(ann.name,))
    service, page = flow(site, ann, bob), portal.page
    page.goto(f"{portal.url}/sign-in")
    portal.look()
    portal.sign_in(ann)
    page.locator("summary").click()
    portal.look()
    page.keyboard.press("Escape")
    assert page.locator("details.menu[open]").count() == 0
    page.get_by_role("link", name="Ask").click()
    page.get_by_label("For how long").fill("99h")
    page.get_by_label("Reason").fill("orders are stuck")
    portal.press("Ask")
    assert "for 8h at most" in page.get_by_role("alert").inner_text()
    portal.look()
    page.get_by_label("For how long").fill("1h")
    portal.press("Ask")
    assert page.get_by_role("status").inner_text() == "Asked."
    portal.look()
    asked = page.url
    portal.sign_out()
    portal.look()

    portal.sign_in(bob)
    portal.look()
    portal.open("/requests")
    portal.look()
    page.get_by_role("link", name=service).click()
    assert page.url == asked
    portal.look()
    portal.press("Approve")
    assert page.get_by_role("status").inner_text() == "You approved it."
    portal.look()
    portal.open("/databases/of/nobody")
    assert portal.heading == "There is no such page"
    portal.look()


def test_a_passkey_signs_in_and_is_a_second_factor(site, portal):
    person, page = site.person(), portal.page
    add_passkey(Browser(page, portal.authenticator), person)
    page.goto(f"{portal.url}/sign-in")
    portal.press("Sign in with a passkey")
    portal.look()
    portal.press("Use a passkey")
    page.wait_for_url("**/databases")
    portal.look()
    portal.sign_out()
    portal.sign_in(person)
    assert portal.heading == "Confirm that it is you"
    portal.look()
    portal.press("Use a passkey")
    page.wait_for_url("**/databases")


@pytest.mark.soak
def test_what_a_login_asks_besides_is_answered(site, portal):
    person, page = site.person(), portal.page
    rule(site, person, secondFactor="required", reason="required", devices="approval")
    portal.sign_in(person)
    portal.look()
    page.get_by_label("Reason for this login").fill("ticket 7")
    portal.press("Go on")
    assert portal.heading == "This browser is new"
    held: list[Route] = []  # the page asks by itself whether it is approved

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/sign-in/answer", hold)
    portal.look()
    person.ok("devices", "approve", page.locator("p.code").inner_text())
    page.unroute("**/sign-in/answer")
    for each in held:
        each.continue_()
    page.get_by_role("heading", name="Set up a second factor").wait_for()
    portal.look()
    secret = json.loads(page.locator("input[name=facts]").input_value())
    page.get_by_label("Code of the app").fill(App(SystemClock()).scan(secret).code())
    portal.press("Set it up")
    page.wait_for_url("**/databases")
