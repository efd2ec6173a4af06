import pytest

from tests.fixtures.lying_provider import CLIENT, ISSUER

PATH = "/v1/identity-providers"
SPEC = {"type": "oidc", "issuer": ISSUER, "clientId": CLIENT}


def test_a_provider_is_added_after_a_look_at_it(oidc_world):
    oidc_world.provider.document = {"scopes_supported": ["openid", "offline_access"]}
    found = oidc_world.add(secret="s3cret")
    assert found["resource"]["spec"]["scopes"] == ["openid", "profile", "email", "offline_access"]
    assert {"name": "client", "verdict": "ok"}.items() <= found["checks"][2].items()
    assert found["register"]["backchannel_logout_uri"].endswith(
        "/v1/login/oidc/corp/backchannel-logout"
    )
    assert "s3cret" not in str(found) + str(oidc_world.api.events())
    assert oidc_world.event("identityprovider.apply")["details"]["secret"] is True


def test_one_that_does_not_work_is_not_stored(oidc_world):
    for change, why in (
        ({"probe": {"error": "invalid_client"}}, "client: the provider says invalid_client"),
        ({"document": {"issuer": "https://evil.test"}}, "names another issuer"),
        ({"keys": [{"kty": "oct"}]}, "keys: its key set has no key"),
    ):
        for name, value in change.items():
            setattr(oidc_world.provider, name, value)
        answer = oidc_world.admin.call("POST", PATH, {"name": "corp", "spec": SPEC})
        assert answer.status_code == 403
        assert why in answer.json()["error"]["message"]
        oidc_world.provider.probe = {"error": "invalid_grant"}
        oidc_world.provider.document = {}
    assert oidc_world.admin.call("GET", f"{PATH}/corp").status_code == 404


def test_a_dry_run_stores_nothing(oidc_world):
    body = {"name": "corp", "spec": SPEC, "dry_run": True}
    assert oidc_world.admin.call("POST", PATH, body).json()["resource"]["spec"]["deviceCode"]
    assert oidc_world.admin.call("GET", f"{PATH}/corp").status_code == 404


def test_there_is_one_of_each_name(oidc_world):
    oidc_world.add()
    answer = oidc_world.admin.call("POST", PATH, {"name": "corp", "spec": SPEC})
    assert answer.status_code == 409


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"type": "oidc", "clientId": CLIENT}, "spec.issuer"),
        (SPEC | {"issuer": "http://idp.test"}, "spec.issuer"),
        (SPEC | {"colour": "red"}, "spec.colour"),
    ],
)
def test_a_wrong_spec_is_told_by_its_field(oidc_world, spec, path):
    answer = oidc_world.admin.call("POST", PATH, {"name": "corp", "spec": spec})
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"][0]["path"] == path


def test_a_provider_is_shown_with_its_people(oidc_world):
    oidc_world.add(secret="s3cret", createUsers=True, groupsClaim="groups")
    oidc_world.provider.claims = {"groups": ["dba"]}
    oidc_world.logged_in()
    found = oidc_world.admin.call("GET", f"{PATH}/corp").json()
    assert found["has_secret"] is True
    assert "s3cret" not in str(found)
    assert found["people"] == [
        {
            "user": "ann",
            "subject": "s-1",
            "groups": ["dba"],
            "linked_at": "2026-11-21T12:00:00Z",
            "linked_by": "provider corp",
            "last_login_at": "2026-11-21T12:00:00Z",
            "confirmed_at": "2026-11-21T12:00:00Z",
        }
    ]


def test_a_provider_is_tested(oidc_world):
    oidc_world.add(secret="s")
    oidc_world.provider.away = True
    found = oidc_world.admin.call("POST", f"{PATH}/corp/test").json()
    assert [each["verdict"] for each in found["checks"]] == ["failed"]


def test_a_person_is_linked_and_logs_in(oidc_world):
    oidc_world.api.add("boss", "dba")
    oidc_world.add()
    body = {"user": "boss", "subject": "s-1"}
    answer = oidc_world.admin.call("POST", f"{PATH}/corp/links", body)
    assert (answer.status_code, answer.json()["user"]) == (201, "boss")
    _, done = oidc_world.login()
    assert done.json()["user"]["name"] == "boss"
    again = oidc_world.admin.call("POST", f"{PATH}/corp/links", {"user": "root", "subject": "s-1"})
    assert again.status_code == 409


def test_all_this_is_for_administrators(oidc_world):
    oidc_world.add(createUsers=True)
    device = oidc_world.logged_in()
    calls = [
        ("POST", PATH, {"name": "x", "spec": SPEC}),
        ("GET", f"{PATH}/corp", None),
        ("DELETE", f"{PATH}/corp", None),
        ("POST", f"{PATH}/corp/test", None),
        ("PUT", f"{PATH}/corp/secret", {"secret": "x"}),
        ("POST", f"{PATH}/corp/links", {"user": "root", "subject": "s-1"}),
        ("DELETE", f"{PATH}/corp/links/ann", None),
    ]
    assert {device.call(*call).status_code for call in calls} == {403}


def test_a_secret_needs_its_provider(oidc_world):
    answer = oidc_world.admin.call("PUT", f"{PATH}/corp/secret", {"secret": "x"})
    assert answer.status_code == 404
