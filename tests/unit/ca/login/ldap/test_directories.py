import pytest

from pgward.ca.identity import provider_secrets
from pgward.ca.login.ldap.directories import Directories
from pgward.ca.resources import kinds, stored
from pgward.core.errors import InvalidInputError, NotFoundError

SPEC = {"type": "ldap", "servers": ["ldaps://ldap.test"], "bindDn": "cn=s", "userBase": "dc=x"}


@pytest.fixture
def put(desk):
    def put(name, **changes):
        body = {"kind": "IdentityProvider", "metadata": {"name": name}, "spec": SPEC | changes}
        with desk.store.write() as transaction:
            wanted = kinds.read("IdentityProvider", body)
            stored.put(transaction, wanted, now=desk.now(), by="test")

    return put


def test_the_only_one_need_not_be_named(desk, put):
    directories = Directories(desk)
    with pytest.raises(NotFoundError, match="there is no LDAP directory"):
        directories.get(None)
    put("corp")
    assert directories.get(None).name == "corp"
    assert directories.get("corp") is directories.get(None)
    with pytest.raises(NotFoundError, match="no LDAP directory 'other'"):
        directories.get("other")
    put("second")
    with pytest.raises(InvalidInputError, match="several") as caught:
        directories.get(None)
    assert caught.value.hint == "name one: corp, second"


def test_a_change_of_spec_or_secret_is_seen(desk, put):
    directories = Directories(desk)
    put("corp")
    first = directories.get("corp")
    put("corp", userBase="dc=y")
    second = directories.get("corp")
    assert (first.spec.user_base, second.spec.user_base) == ("dc=x", "dc=y")
    with desk.store.write() as transaction:
        provider_secrets.store(
            transaction, desk.sealer, "corp", "secret", now=desk.now(), by="test"
        )
    assert directories.get("corp") is not second
    assert directories.get("corp").directory._password == "secret"
