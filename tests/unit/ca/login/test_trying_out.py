"""Providers that are applied, through the API."""

import pytest

from pgward.ca.login.oidc.checks import Check
from pgward.ca.login.trying_out import Trial
from pgward.core.errors import ConflictError
from tests.fixtures.ldap_server import CA, bound, done, entry, ldap_server, several
from tests.fixtures.lying_provider import CLIENT, ISSUER

PATH = "/v1/resources/IdentityProvider/corp"
BASE = several(entry("dc=x", entryUUID="id0"), done())


def ldap(url="ldaps://ldap.test", **changes):
    spec = {"type": "ldap", "servers": [url], "ca": CA, "timeoutSeconds": 1}
    spec |= {"bindDn": "cn=s,dc=x", "userBase": "dc=x"} | changes
    spec = {key: value for key, value in spec.items() if value is not None}
    return {"kind": "IdentityProvider", "metadata": {"name": "corp"}, "spec": spec}


def oidc(**changes):
    spec = {"type": "oidc", "issuer": ISSUER, "clientId": CLIENT} | changes
    return {"kind": "IdentityProvider", "metadata": {"name": "corp"}, "spec": spec}


def test_what_failed_is_an_error_and_what_is_doubtful_a_note():
    trial = Trial([Check("a", "ok", "x"), Check("b", "warning", "y")], "not tried")
    trial.check()
    assert trial.notes == ["b: y", "not tried"]
    with pytest.raises(ConflictError, match="cannot be used: c: z; --untried applies it"):
        Trial([Check("c", "failed", "z")]).check()


def test_a_directory_whose_secret_is_not_there_yet_is_stored_and_not_tried(admin):
    answer = admin.call("PUT", PATH, ldap())
    assert answer.status_code == 200
    [note] = answer.json()["notes"]
    assert note == (
        "corp was not tried out, as its secret is not stored: pgward idp secret corp,"
        " then pgward idp test corp"
    )
    assert admin.call("PUT", PATH, ldap()).json()["notes"] == []  # nothing changed


def test_a_directory_is_tried_with_the_secret_that_is_stored(api, admin):
    admin.call("PUT", PATH, ldap())
    secret = {"secret": "service"}
    assert admin.call("PUT", "/v1/identity-providers/corp/secret", secret).status_code == 200
    with ldap_server(bound(49)) as server:
        for query in ("?dry_run=true", ""):
            answer = admin.call("PUT", PATH + query, ldap(server.url))
            assert answer.status_code == 409
            assert "refused the service account" in answer.json()["error"]["message"]
        event = api.events()[-1]
        assert (event["action"], event["outcome"]) == ("identityprovider.apply", "failed")
        assert admin.call("PUT", f"{PATH}?untried=true", ldap(server.url)).status_code == 200
    with ldap_server(bound(), BASE) as server:
        answer = admin.call("PUT", PATH, ldap(server.url))
        assert (answer.status_code, answer.json()["notes"]) == (200, [])


def test_a_directory_that_nobody_is_asked_about_again_is_said_to_be_one(admin):
    direct = {"bindDn": None, "userBase": None, "userDn": "uid={user},dc=x"}
    with ldap_server() as server:
        [note] = admin.call("PUT", PATH, ldap(server.url, **direct)).json()["notes"]
    assert "nobody is asked about before the next login" in note


def test_an_openid_provider_is_tried(oidc_world):
    admin, provider = oidc_world.admin, oidc_world.provider
    answer = admin.call("PUT", PATH, oidc())
    assert (answer.status_code, answer.json()["change"]) == (200, "created")
    provider.away = True
    assert admin.call("PUT", PATH, oidc()).status_code == 200  # nothing changed
    answer = admin.call("PUT", PATH, oidc(createUsers=True))
    assert answer.status_code == 409
    assert "cannot be used: discovery" in answer.json()["error"]["message"]
    assert admin.call("PUT", f"{PATH}?untried=true", oidc(createUsers=True)).status_code == 200


def test_a_client_whose_secret_is_not_there_yet_is_not_tried(oidc_world):
    oidc_world.provider.probe = {"error": "invalid_client"}
    answer = oidc_world.admin.call("PUT", PATH, oidc())
    assert answer.status_code == 200
    assert answer.json()["notes"][-1].startswith("corp was tried out without its client")
    answer = oidc_world.admin.call("PUT", PATH, oidc(clientAuth="none"))
    assert answer.status_code == 409
