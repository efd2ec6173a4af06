"""A person with a real browser: from nothing to rows of PostgreSQL."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.fixtures import chromium
from tests.fixtures.ca import Person, environment
from tests.fixtures.oidc_provider import CLIENT, WEB, OidcProvider, skip_without

pytestmark = [pytest.mark.integration, pytest.mark.soak]


@pytest.fixture
def provider(stack, tmp_path) -> Iterator[OidcProvider]:
    """A provider that the stack's CA knows as ``chrome``."""
    skip_without()
    running = OidcProvider(tmp_path)
    stack.site.admin.ok(
        *("idp", "add", "chrome", "--issuer", running.issuer, "--client-id", CLIENT),
        *("--ca-file", running.ca_file, "--group-claim", "groups", "--create-users"),
    )
    yield running
    stack.site.admin.ok("idp", "remove", "chrome")
    running.close()


def test_a_browser_then_psql(stack, provider, tmp_path) -> None:
    name = provider.person("dora", groups=["analysts"], name="Dora")
    stack.role(name)
    service = stack.service(groups=("analysts",))
    person = Person(stack.site, name, tmp_path / "home")
    ca = stack.site.ca
    command = [
        *(sys.executable, "-m", "pgward", "login", "--ca", ca.url),
        *("--fingerprint", ca.fingerprint, "--method", "oidc", "--provider", "chrome"),
        "--no-browser",
    ]
    with (
        subprocess.Popen(
            command, env=environment(person.home), stderr=subprocess.PIPE, text=True
        ) as running,
        chromium.opened(tmp_path / "chromium", provider.ca_file) as browser,
    ):
        assert running.stderr is not None
        url = next(line for line in running.stderr if line.startswith("https://")).strip()
        page = browser.new_page()
        page.goto(url)
        page.fill("input[name=login]", name)
        page.fill("input[name=password]", "any")
        page.click("button[type=submit]")
        page.click("text=Continue")
        page.wait_for_url("http://127.0.0.1:*/callback*")
        told = page.inner_text("h1")
        said = running.stderr.read()
    assert running.returncode == 0, said
    assert f"logged in as {name} (analysts)" in said
    assert told == "Back to the terminal"
    rows = person.ok("psql", service, "-Atc", "select current_user, 1")
    assert rows.strip() == f"{name}|1"
    assert name in json.dumps(stack.site.admin.data("idp", "show", "chrome"))


def test_the_portal_sends_a_browser_there_and_takes_it_back(own_site, tmp_path) -> None:
    skip_without()
    portal = own_site.ca.url.replace("127.0.0.1", "localhost")
    provider = OidcProvider(tmp_path, way_back=f"{portal}/sign-in/back")
    with closing(provider):
        own_site.admin.ok(
            *("idp", "add", "corp", "--issuer", provider.issuer, "--client-id", WEB),
            *("--ca-file", provider.ca_file, "--group-claim", "groups", "--create-users"),
        )
        name = provider.person("dora", groups=["analysts"], name="Dora")
        roots = (provider.ca_file, own_site.ca.root)
        with chromium.opened(tmp_path / "chromium", *roots) as browser:
            page = browser.new_page()
            page.goto(f"{portal}/requests")
            page.click("text=Sign in with corp")
            page.fill("input[name=login]", name)
            page.fill("input[name=password]", "any")
            page.click("button[type=submit]")
            page.click("text=Continue")
            page.wait_for_url(f"{portal}/requests")
            assert page.inner_text("summary") == "Dora"
            page.click("summary")
            page.click("text=Sign out")
            assert page.inner_text("h1") == "You are signed out"
            assert "You are still signed in at corp." in page.inner_text("main")
