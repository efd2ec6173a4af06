"""A provider's life; through the API, as administrators lead it."""

import pytest

from pgward.ca.identity import provider_secrets
from pgward.ca.login.oidc import administering
from pgward.ca.resources.fields import FieldsError


def put(world, **changes):
    path = "/v1/resources/identityprovider/corp"
    body = world.admin.call("GET", path).json()["resource"]
    body["spec"] |= changes
    return world.admin.call("PUT", path, body)


def test_another_issuer_is_not_put_under_known_people(oidc_world) -> None:
    oidc_world.add(createUsers=True)
    assert put(oidc_world, issuer="https://new.test").status_code == 200
    assert put(oidc_world, issuer="https://idp.test").status_code == 200
    oidc_world.logged_in()
    answer = put(oidc_world, issuer="https://evil.test")
    assert answer.status_code == 409
    assert answer.json()["error"]["message"] == (
        "people are known by corp's issuer, which cannot change"
    )
    assert put(oidc_world, groupsClaim="groups").status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/identity-providers/corp", "/v1/resources/identityprovider/corp"]
)
def test_all_that_hangs_on_a_provider_goes_with_it(oidc_world, path) -> None:
    oidc_world.add(secret="s", createUsers=True, groupsClaim="groups")
    oidc_world.provider.claims = {"groups": ["dba"]}
    device = oidc_world.logged_in()
    device.certificate()
    assert oidc_world.admin.call("DELETE", path).status_code == 200
    assert device.call("GET", "/v1/me").status_code == 401
    assert oidc_world.groups("ann") == []
    with oidc_world.api.store.read() as connection:
        assert provider_secrets.changed_at(connection, "corp") is None
    event = oidc_world.event("identityprovider.delete")
    assert event["details"] == {"sessions": 1, "revoked": 1, "unlinked": 1}


def test_unlinking_ends_logins(oidc_world) -> None:
    oidc_world.add(createUsers=True)
    device = oidc_world.logged_in()
    device.certificate()
    answer = oidc_world.admin.call("DELETE", "/v1/identity-providers/corp/links/ann")
    assert answer.json() == {"revoked": 1}
    assert device.call("GET", "/v1/me").status_code == 401
    again = oidc_world.admin.call("DELETE", "/v1/identity-providers/corp/links/ann")
    assert again.status_code == 404


def test_a_spec_is_read_strictly() -> None:
    with pytest.raises(FieldsError):
        administering.read("corp", "", {"type": "oidc"})
