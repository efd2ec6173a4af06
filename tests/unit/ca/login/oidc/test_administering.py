"""A provider's life; through the API, as administrators lead it."""

import pytest

from pgward.ca.identity import external, provider_secrets
from pgward.ca.login.oidc import administering
from pgward.ca.resources import stored
from pgward.ca.resources.fields import FieldsError
from pgward.core.errors import ConflictError
from tests.fixtures.authority import START


def put(world, untried=False, **changes):
    path = "/v1/resources/identityprovider/corp"
    body = world.admin.call("GET", path).json()["resource"]
    body["spec"] |= changes
    return world.admin.call("PUT", path + ("?untried=true" if untried else ""), body)


def test_another_issuer_is_not_put_under_known_people(oidc_world) -> None:
    oidc_world.add(createUsers=True)
    assert put(oidc_world, issuer="https://new.test", untried=True).status_code == 200
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


OIDC = {"type": "oidc", "issuer": "https://idp.test", "clientId": "pgward"}
LDAP = {
    "type": "ldap",
    "servers": ["ldaps://ldap.test"],
    "bindDn": "cn=s,dc=x",
    "userBase": "ou=people,dc=x",
}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"servers": ["ldaps://other.test"], "bindDn": "cn=t,dc=x"}, None),
        ({"userBase": "OU=People, DC=x", "idAttribute": "entryuuid"}, None),
        ({"userFilter": "(mail={user})", "userAttribute": "mail"}, None),
        ({"bindDn": None, "userBase": None, "userDn": "uid={user},ou=people,dc=x"}, None),
        ({"bindDn": None, "userBase": None, "userDn": "uid={user},dc=x"}, "userBase"),
        ({"userBase": "dc=x"}, "userBase"),
        ({"idAttribute": "mail"}, "idAttribute"),
        ({"idAttribute": None}, "idAttribute"),
        (OIDC, "type"),
    ],
)
def test_what_would_make_others_of_known_people_is_refused(logins, changes, named) -> None:
    def wanted(spec):
        return administering.read("corp", "", spec)

    after = wanted(changes if changes.get("type") else LDAP | changes)
    with logins.desk.store.write() as transaction:
        stored.put(transaction, wanted(LDAP), now=START, by="test")
        administering.check_change(transaction.connection, after)  # nobody is known by it
        external.link(transaction, "corp", "id1", "alice", now=START, by="test")
        administering.check_change(transaction.connection, wanted(LDAP))
        if named is None:
            administering.check_change(transaction.connection, after)
            return
        with pytest.raises(ConflictError, match=f"corp's {named}, which cannot change") as caught:
            administering.check_change(transaction.connection, after)
        assert "pgward idp remove corp" in caught.value.hint


def test_the_last_who_could_log_in_stays_an_administrator(oidc_world) -> None:
    """Whoever wants it: commands, or claims of the provider."""
    oidc_world.add(createUsers=True, groupsClaim="groups", groupMap={"admins": "administrators"})
    oidc_world.provider.claims = {"groups": ["admins"]}
    device = oidc_world.logged_in()
    rule = {
        "kind": "LoginRule",
        "metadata": {"name": "r1"},
        "spec": {"appliesTo": {"users": ["root"]}, "methods": ["passkey"]},
    }
    assert device.call("PUT", "/v1/resources/LoginRule/r1", rule).status_code == 200
    rule["spec"] = {"appliesTo": {"users": ["ann"]}, "methods": ["oidc"]}
    rule["metadata"] = {"name": "r2"}
    assert device.call("PUT", "/v1/resources/LoginRule/r2", rule).status_code == 200
    for method, path, body in (
        ("POST", "/v1/groups/administrators/members", {"remove": ["ann"]}),
        ("PATCH", "/v1/users/ann", {"groups": []}),
        ("DELETE", "/v1/users/ann", None),
        ("POST", "/v1/users/ann/block", {}),
        ("DELETE", "/v1/identity-providers/corp", None),
        ("DELETE", "/v1/identity-providers/corp/links/ann", None),
        ("DELETE", "/v1/resources/identityprovider/corp", None),
    ):
        answer = oidc_world.admin.call(method, path, body)
        assert answer.status_code == 409, path
        assert "no administrator could log in then" in answer.json()["error"]["message"]
    oidc_world.provider.claims = {"groups": []}
    oidc_world.logged_in()
    assert oidc_world.groups("ann") == ["administrators"]
    event = oidc_world.event("session.start")
    assert event["details"]["groups_kept"] == ["administrators"]
    assert device.call("DELETE", "/v1/resources/LoginRule/r1").status_code == 200
    oidc_world.logged_in()
    assert oidc_world.groups("ann") == []
