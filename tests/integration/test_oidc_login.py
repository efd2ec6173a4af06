"""From `pgward idp add` to a certificate, by commands, at a certified provider."""

import subprocess
import sys

import pytest

from pgward.core.errors import LoginNeededError
from tests.fixtures.ca import environment

pytestmark = pytest.mark.integration
PGWARD = [sys.executable, "-m", "pgward"]


def first_login(oidc_site) -> list[str]:
    ca = oidc_site.site.ca
    return ["login", "--ca", ca.url, "--fingerprint", ca.fingerprint]


def test_a_person_logs_in_with_a_browser_and_has_a_certificate(oidc_site) -> None:
    person = oidc_site.person("ann", groups=["dba", "Root Admins"], name="Ann Example")
    done = subprocess.run(
        [*PGWARD, *first_login(oidc_site), "--method", "oidc"],
        env=environment(person.home) | {"BROWSER": oidc_site.provider.browser_command("ann")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
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
            *("device codes", "refresh", "back-channel logout"),
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
