import pytest

from pgward.ca.identity import provider_secrets
from pgward.ca.keys.sealing import Sealer
from pgward.ca.login.ldap.directories import Directories
from pgward.ca.resources import kinds, stored
from pgward.core.errors import InvalidInputError, NotFoundError

SPEC = {"type": "ldap", "servers": ["ldaps://ldap.test"], "bindDn": "cn=s", "userBase": "dc=x"}


@pytest.fixture
def put(desk):
    def put(name, **changes):
        body = {"kind": "IdentityProvider", "metadata": {"name": name}, "spec": SPEC | changes}
        body["spec"] = {key: value for key, value in body["spec"].items() if value is not None}
        if changes.get("idAttribute", ...) is None:
            body["spec"]["idAttribute"] = None
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


def test_which_are_asked_again_is_read_now_and_then(desk, put):
    directories = Directories(desk)
    assert directories.may_ask_again
    assert directories.asked_again() == frozenset()
    assert not directories.may_ask_again
    put("corp")
    put("direct", bindDn=None, userBase=None, userDn="uid={user},dc=x")
    put("without", idAttribute=None)
    assert directories.may_ask_again
    assert directories.asked_again() == {"corp"}
    desk.store.on_change(lambda: None)
    assert directories.asked_again() == {"corp"}


def test_a_password_sealed_with_another_key_is_none(desk, put):
    put("corp")
    with desk.store.write() as transaction:
        other = Sealer(b"o" * 32)
        provider_secrets.store(transaction, other, "corp", "secret", now=desk.now(), by="test")
    assert Directories(desk).get("corp").directory._password is None


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
