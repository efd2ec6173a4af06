import pytest

from pgward.ca.login.oidc.fetch import HttpsFetcher
from pgward.ca.login.oidc.providers import over_https
from pgward.core.errors import InvalidInputError, NotFoundError


def test_a_provider_is_kept_until_it_or_its_secret_changes(oidc_world) -> None:
    oidc_world.add()
    providers = oidc_world.office.providers
    first = providers.get("corp")
    assert providers.get(None) is first
    assert first.title == "corp"
    oidc_world.api.clock.move(seconds=1)
    body = {"secret": "s"}
    assert oidc_world.admin.call("PUT", "/v1/identity-providers/corp/secret", body).is_success
    second = providers.get("corp")
    assert second is not first
    shown = oidc_world.admin.call("GET", "/v1/resources/identityprovider/corp").json()["resource"]
    shown["spec"]["groupsClaim"] = "groups"
    path = "/v1/resources/identityprovider/corp"
    assert oidc_world.admin.call("PUT", path, shown).is_success
    assert providers.get("corp").spec.groups_claim == "groups"
    assert providers.get("corp") is providers.get("corp")


def test_which_one_is_meant_must_be_clear(oidc_world) -> None:
    providers = oidc_world.office.providers
    with pytest.raises(NotFoundError, match=r"there is no OpenID provider$"):
        providers.get(None)
    oidc_world.add("a")
    oidc_world.add("b")
    with pytest.raises(InvalidInputError, match="there are several"):
        providers.get(None)
    with pytest.raises(NotFoundError, match="no OpenID provider 'c'"):
        providers.get("c")


def test_a_real_one_is_asked_over_https(lying_provider) -> None:
    assert isinstance(over_https(lying_provider.spec()), HttpsFetcher)
