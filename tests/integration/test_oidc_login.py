"""At a certified provider, by commands: logins, step-ups, second factors, and logging out."""

import re
import subprocess
import sys

import pytest

from pgward.client import step_up
from pgward.core.errors import LoginNeededError
from tests.fixtures.ca import environment
from tests.fixtures.oidc_site import Browsing

pytestmark = pytest.mark.integration
PGWARD = [sys.executable, "-m", "pgward"]


def first_login(oidc_site) -> list[str]:
    ca = oidc_site.site.ca
    return ["login", "--ca", ca.url, "--fingerprint", ca.fingerprint]


def in_browser(oidc_site, person, as_user, *args):
    """Run a command of a person whose browser logs in as somebody."""
    return subprocess.run(
        [*PGWARD, *args],
        env=environment(person.home) | {"BROWSER": oidc_site.provider.browser_command(as_user)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_person_logs_in_with_a_browser_and_has_a_certificate(oidc_site) -> None:
    person = oidc_site.person("ann", groups=["dba", "Root Admins"], name="Ann Example")
    login = (*first_login(oidc_site), "--method", "oidc")
    done = in_browser(oidc_site, person, "ann", *login)
    assert done.returncode == 0, done.stderr
    assert "log in with the browser that opens" in done.stderr
    assert "logged in as ann (administrators, dba) at " in done.stderr
    assert list(person.home.rglob("login.crt"))
    shown = oidc_site.site.admin.data("idp", "show", "corp")
    assert {"user": "ann", "groups": ["administrators", "dba"]}.items() <= shown["people"][
        0
    ].items()


def test_the_provider_is_tried_out_listed_and_tested(oidc_site) -> None:
    admin = oidc_site.site.admin
    assert [each["name"] for each in admin.data("idp", "list")] == ["corp"]
    verdicts = {each["name"]: each["verdict"] for each in admin.data("idp", "test", "corp")}
    assert verdicts == dict.fromkeys(
        [
            *("discovery", "keys", "client", "scopes", "groups", "pkce", "issuer in answers"),
            *("device codes", "refresh", "logout page", "back-channel logout"),
        ],
        "ok",
    )
    wrong = admin.run(
        *("idp", "add", "other", "--issuer", oidc_site.provider.issuer, "--client-id", "nobody"),
        *("--ca-file", oidc_site.provider.ca_file),
    )
    assert wrong.returncode == 3
    assert "cannot be used: client: the provider says invalid_client" in wrong.stderr


def test_a_logout_at_the_provider_ends_the_login_here(oidc_site) -> None:
    person = oidc_site.person("bob")
    browser = oidc_site.provider.browser("bob")
    session = oidc_site.login(person, browser)
    assert session.api().get("/v1/me")["user"]["name"] == "bob"
    browser.open(f"{oidc_site.provider.issuer}/session/end")
    browser.close()
    with pytest.raises(LoginNeededError):
        session.api().get("/v1/me")
    session.close()
    events = oidc_site.site.admin.data("audit", "--action", "session.end")
    (told,) = [each["details"]["reason"] for each in events if each["actor"] == "bob"]
    assert told == "the identity provider ended the login"


@pytest.mark.soak
def test_a_person_logs_in_with_a_code_typed_elsewhere(oidc_site) -> None:
    person = oidc_site.person("cleo", groups=["dba"])
    with subprocess.Popen(
        [*PGWARD, *first_login(oidc_site), "--device-code"],
        env=environment(person.home),
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        lines = iter(running.stderr.readline, "")
        page = next(line.split()[-1] for line in lines if line.startswith("or open "))
        browser = oidc_site.provider.browser("cleo")
        browser.open(page)
        browser.close()
        said = "".join(lines)
    assert running.returncode == 0, said
    assert "logged in as cleo (dba)" in said


def test_a_step_up_is_a_fresh_login_of_the_same_person(oidc_site) -> None:
    person = oidc_site.person("dora")
    oidc_site.provider.person("emil")
    browser = oidc_site.provider.browser("dora")
    oidc_site.login(person, browser).close()
    browser.close()
    oidc_site.declare("orders", "dora", "oidc")
    done = in_browser(oidc_site, person, "dora", "step-up", "orders")
    assert done.returncode == 0, done.stderr
    assert "for orders, log in once more at corp with the browser that opens" in done.stderr
    assert re.search(r"orders is open to you until .* \(in 1[45] minutes", done.stderr)
    wrong = in_browser(oidc_site, person, "emil", "step-up", "orders")
    assert wrong.returncode == 3
    assert "that was somebody else's login at corp" in wrong.stderr
    events = oidc_site.site.admin.data("audit", "--action", "step_up.prove")
    assert [(each["outcome"], each["details"].get("factor")) for each in events] == [
        ("ok", "oidc"),
        ("denied", None),
    ]


def test_who_is_logged_in_there_has_to_log_in_again_all_the_same(oidc_site) -> None:
    person = oidc_site.person("hans")
    browser = oidc_site.provider.browser("hans")
    session = oidc_site.login(person, browser)
    oidc_site.declare("stock", "hans", "oidc")
    browser.page = ""
    assert step_up.prove(session.api(), "stock", Browsing(browser)).proved_until is not None
    assert "Sign-in" in browser.page
    # It is the same login there: ending it ends the one here, and the proof with it.
    browser.open(f"{oidc_site.provider.issuer}/session/end")
    with pytest.raises(LoginNeededError):
        step_up.ask(session.api(), "stock")
    session.close()
    browser.close()


def test_a_second_factor_at_the_provider_counts_at_the_login_and_as_a_step_up(oidc_site) -> None:
    oidc_site.declare("payroll", "fritz", "mfa")
    person = oidc_site.person("fritz")
    browser = oidc_site.provider.browser("fritz")
    oidc_site.login(person, browser).close()
    refused = in_browser(oidc_site, person, "fritz", "step-up", "payroll")
    assert "corp did not say that it asked you for a second factor" in refused.stderr
    oidc_site.provider.change("methods", name="fritz", amr=["pwd", "otp"])
    done = in_browser(oidc_site, person, "fritz", "step-up", "payroll")
    assert done.returncode == 0, done.stderr
    again = oidc_site.provider.browser("fritz")
    oidc_site.login(person, again).close()
    events = oidc_site.site.admin.data("audit", "--action", "session.start")
    (first, last) = [each["details"] for each in events if each["actor"] == "fritz"]
    assert (first["factors"], first.get("second_factor")) == (["oidc"], None)
    assert (last["factors"], last["second_factor"]) == (["oidc", "mfa"], "amr=otp")
    for each in (browser, again):
        each.close()


def test_logging_out_tells_the_page_that_ends_the_login_at_the_provider(oidc_site) -> None:
    person = oidc_site.person("gina")
    browser = oidc_site.provider.browser("gina")
    oidc_site.login(person, browser).close()
    told = person.run("logout").stderr
    (page,) = re.findall(r"^https://\S+$", told, re.MULTILINE)
    assert page.startswith(f"{oidc_site.provider.issuer}/session/end?client_id=pgward")
    browser.open(page)
    assert "Sign-out Success" in browser.page
    browser.close()
