import json

import pytest

from tests.fixtures.commands import body
from tests.fixtures.fake_ca import error

CHECKS = [{"name": "discovery", "verdict": "ok", "detail": "it answers"}]
REGISTER = {
    "client_id": "pgward",
    "application_type": "native",
    "redirect_uris": ["http://127.0.0.1/callback"],
    "backchannel_logout_uri": "https://ca.test/v1/login/oidc/corp/backchannel-logout",
}
SPEC = {"type": "oidc", "issuer": "https://idp.test", "clientId": "pgward"}
RESOURCE = {"metadata": {"name": "corp", "description": "The company"}, "spec": SPEC}
ADDED = {"checks": CHECKS, "register": REGISTER, "resource": RESOURCE}
ADD = ("idp", "add", "corp", "--issuer", "https://idp.test", "--client-id", "pgward")


@pytest.fixture
def routes(fake_ca):
    fake_ca.routes |= {
        "POST /v1/identity-providers": ADDED,
        "GET /v1/resources/identityprovider": {"resources": [RESOURCE]},
        "GET /v1/identity-providers/corp": {
            "resource": RESOURCE,
            "has_secret": True,
            "register": REGISTER,
            "people": [{"user": "ann", "subject": "s-1", "groups": ["dba"], "last_login_at": None}],
        },
        "DELETE /v1/identity-providers/corp": {"revoked": 1},
        "POST /v1/identity-providers/corp/links": {},
        "DELETE /v1/identity-providers/corp/links/ann": {"revoked": 2},
        "PUT /v1/identity-providers/corp/secret": {"change": "updated"},
        "POST /v1/identity-providers/corp/test": {"checks": CHECKS},
    }
    return fake_ca


def test_a_provider_is_added_and_what_to_register_is_told(logged_in, routes):
    done = logged_in(*ADD, "--client-secret-stdin", stdin="s3cret\n")
    assert done.exit_code == 0
    assert body(routes) == {
        "name": "corp",
        "description": "",
        "spec": SPEC,
        "dry_run": False,
        "secret": "s3cret",
    }
    assert "added corp; register there:" in done.stderr
    assert "redirect URIs        http://127.0.0.1/callback" in done.stdout
    assert "nobody is let in before you say who they are: pgward idp link" in done.stderr
    assert "s3cret" not in done.output


def test_a_secret_may_come_from_a_file(logged_in, routes, tmp_path):
    (tmp_path / "secret").write_text("s3cret\n")
    logged_in(*ADD, "--client-secret-file", tmp_path / "secret", "--create-users", "--dry-run")
    assert body(routes)["secret"] == "s3cret"
    assert body(routes)["dry_run"] is True
    assert body(routes)["spec"]["createUsers"] is True


def test_what_is_a_second_factor_is_said_and_shown(logged_in, routes):
    logged_in(*ADD, "--second-factor", "amr=mfa", "--second-factor", "amr=otp")
    spec = body(routes)["spec"]
    assert spec["secondFactor"] == {"amr": ["mfa", "otp"]}
    shown = routes.routes["GET /v1/identity-providers/corp"]
    changed = {**RESOURCE, "spec": SPEC | {"secondFactor": {"amr": ["mfa", "otp"]}}}
    routes.routes["GET /v1/identity-providers/corp"] = {**shown, "resource": changed}
    assert "second factor        amr=mfa, amr=otp" in logged_in("idp", "show", "corp").stdout


def test_a_secret_has_one_source(logged_in, routes):
    done = logged_in(*ADD, "--client-secret-stdin", "--client-secret-file", "x")
    assert done.exit_code == 2
    assert "exclude each other" in done.stderr
    assert "POST /v1/identity-providers" not in routes.calls


def test_a_provider_that_does_not_work_is_told_as_such(logged_in, routes):
    routes.routes["POST /v1/identity-providers"] = error("denied", "it cannot be used", hint="fix")
    done = logged_in(*ADD)
    assert (done.exit_code, done.stderr) == (3, "pgward: it cannot be used\nhint: fix\n")


@pytest.mark.usefixtures("routes")
def test_json_is_the_whole_answer(logged_in):
    assert json.loads(logged_in(*ADD, "-o", "json").stdout) == ADDED
    shown = json.loads(logged_in("idp", "show", "corp", "-o", "json").stdout)
    assert shown["has_secret"] is True
    assert json.loads(logged_in("idp", "list", "-o", "json").stdout)[0]["name"] == "corp"
    assert json.loads(logged_in("idp", "test", "corp", "-o", "json").stdout) == CHECKS


@pytest.mark.usefixtures("routes")
def test_providers_are_listed_and_shown(logged_in):
    for command in (("idp", "list"), ("get", "identityprovider")):
        assert "corp  oidc  https://idp.test  The company" in logged_in(*command).stdout
    shown = logged_in("idp", "show", "corp").stdout
    assert "secret               stored" in shown
    assert "asked again          never" in shown  # the spec here is not whole
    assert "ann   s-1      dba     never" in shown


def test_a_test_that_fails_is_a_failure(logged_in, routes):
    assert logged_in("idp", "test", "corp").exit_code == 0
    failed = [{"name": "client", "verdict": "failed", "detail": "no"}]
    routes.routes["POST /v1/identity-providers/corp/test"] = {"checks": failed}
    done = logged_in("idp", "test", "corp")
    assert (done.exit_code, "corp cannot be used: client" in done.stderr) == (1, True)


def test_people_are_linked_and_unlinked(logged_in, routes):
    done = logged_in("idp", "link", "corp", "ann", "s-1")
    assert done.stderr == "ann logs in at corp from now on\n"
    assert body(routes) == {"user": "ann", "subject": "s-1"}
    done = logged_in("idp", "unlink", "corp", "ann")
    assert done.stderr == "unlinked ann; 2 certificates revoked\n"


def test_another_secret_and_removal(logged_in, routes):
    done = logged_in("idp", "secret", "corp", "--client-secret-stdin", stdin="new\n")
    assert body(routes) == {"secret": "new"}
    assert "pgward idp test corp" in done.stderr
    assert logged_in("idp", "remove", "corp").stderr == "removed corp; 1 certificate revoked\n"


@pytest.mark.usefixtures("routes")
def test_a_secret_is_asked_for_on_a_terminal_only(logged_in):
    assert logged_in("idp", "secret", "corp").exit_code == 2
