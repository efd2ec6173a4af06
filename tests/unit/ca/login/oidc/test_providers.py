import pytest
import sqlalchemy as sa

from pgward.ca.login.oidc.fetch import HttpsFetcher
from pgward.ca.login.oidc.providers import over_https
from pgward.ca.store.schema_login import provider_secrets
from pgward.core.errors import InvalidInputError, NotFoundError, UnavailableError


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


def test_a_secret_that_another_key_sealed_is_told(oidc_world) -> None:
    oidc_world.add(secret="s")
    with oidc_world.api.store.write() as transaction:
        transaction.execute(sa.update(provider_secrets).values(sealed=b"of another key"))
    with pytest.raises(UnavailableError, match="sealed with another key") as told:
        oidc_world.office.providers.get("corp")
    assert "pgward idp secret corp" in str(told.value.hint)


def test_a_real_one_is_asked_over_https(lying_provider) -> None:
    assert isinstance(over_https(lying_provider.spec()), HttpsFetcher)
