import anyio
import pytest

from pgward.ca.identity import directory
from pgward.ca.login.attempt import Given, RefusedLoginError
from pgward.ca.login.ldap.directories import Directories
from pgward.ca.login.ldap.method import LdapMethod
from pgward.ca.resources import kinds, stored
from pgward.core.errors import DeniedError, InvalidInputError, UnavailableError
from tests.fixtures.edge_process import quiet_port
from tests.fixtures.ldap_server import CA, bound, done, entry, ldap_server, several

ALICE = several(entry("uid=alice,dc=x", uid="Alice", entryUUID="id1", cn="Alice"), done())


@pytest.fixture
def method(logins):
    """Make the method of a CA whose one directory has these servers."""

    def method(*urls, **changes):
        spec = {
            "type": "ldap",
            "servers": list(urls),
            "ca": CA,
            "userDn": "uid={user},dc=x",
            "timeoutSeconds": 1,
            "linkExisting": True,
            **changes,
        }
        body = {"kind": "IdentityProvider", "metadata": {"name": "corp"}, "spec": spec}
        with logins.desk.store.write() as transaction:
            wanted = kinds.read("IdentityProvider", body)
            stored.put(transaction, wanted, now=logins.desk.now(), by="test")
        return LdapMethod(logins.desk, Directories(logins.desk))

    return method


@pytest.fixture
def begin(logins):
    def begin(method, user="alice", password="alice's"):
        attempt = logins.attempt(given=Given(user, password), method="ldap")
        return anyio.run(method.begin, attempt)

    return begin


def test_a_person_whom_the_directory_proves(method, begin):
    with ldap_server(bound(), ALICE) as server:
        proven = begin(method(server.url))
    assert (proven.user, proven.factors, proven.subject) == ("alice", ("ldap",), "id1")
    assert proven.details == {"subject": "id1", "dn": "uid=alice,dc=x", "linked": "alice"}
    assert [each.kind for each in proven.grounds] == ["account", "link"]


def test_a_name_alone_takes_over_nobodys_account(method, begin):
    with ldap_server(bound(), ALICE) as server, pytest.raises(RefusedLoginError) as caught:
        begin(method(server.url, linkExisting=False))
    assert "who is not linked" in caught.value.why


def test_people_can_be_added_at_their_first_login(logins, method, begin):
    found = several(entry("uid=carol,dc=x", uid="carol", entryUUID="id2"), done())
    with ldap_server(bound(), found) as server:
        assert begin(method(server.url, createUsers=True), "carol").user == "carol"
    assert logins.user("carol").created_by == "provider corp"


def test_a_wrong_password_is_one_like_any_other(method, begin):
    with ldap_server(bound(49)) as server, pytest.raises(RefusedLoginError) as caught:
        begin(method(server.url))
    assert caught.value.message == "wrong user name or password"
    assert (caught.value.why, caught.value.actor) == ("the LDAP server said 49", "alice")


@pytest.mark.parametrize("given", [(None, "x"), ("alice", None)])
def test_both_are_needed(method, begin, given):
    with pytest.raises(InvalidInputError, match="user and password are needed"):
        begin(method("ldaps://ldap.test"), *given)


def test_a_directory_that_is_away_is_told_without_details(logins, method, begin):
    url = f"ldaps://127.0.0.1:{quiet_port()}"
    with pytest.raises(UnavailableError) as caught:
        begin(method(url))
    assert caught.value.message == "the directory corp cannot be asked now"
    actor, outcome, reason = logins.events()[-1]
    assert (actor, outcome) == ("unknown", "failed")
    assert url in reason


def test_guessing_is_slowed_down_before_the_directory_is_asked(method, begin):
    with ldap_server(bound(49)) as server:
        made = method(server.url)
        for _ in range(10):
            with pytest.raises(RefusedLoginError):
                begin(made)
        with pytest.raises(DeniedError, match="too many failed attempts"):
            begin(made)
        assert len(server.requests) == 10


def test_other_ways_to_write_a_name_are_no_further_guesses(method, begin):
    with ldap_server(bound(49)) as server:
        made = method(server.url)
        for number in range(10):
            wide = chr(0xFEE0 + ord("alice"[number % 5]))
            name = "alice".replace("alice"[number % 5], wide)
            with pytest.raises(RefusedLoginError):
                begin(made, name)
        for name in ("ALICE", "alic\u00e9", "\uff41lice"):
            with pytest.raises(DeniedError, match="too many failed attempts"):
                begin(made, name)


def test_a_slow_directory_does_not_hold_everything(method, begin):
    made = method(f"ldaps://127.0.0.1:{quiet_port()}")
    made._inside = 32
    with pytest.raises(UnavailableError, match="too many logins at once"):
        begin(made)


def test_each_directory_is_an_offer(logins, method):
    made = method("ldaps://ldap.test")
    with logins.desk.store.read() as connection:
        [offer] = made.offers(connection)
    assert (offer.method, offer.provider, offer.needs) == ("ldap", "corp", ("user", "password"))


def test_the_directory_here_does_not_change_who_is_blocked(logins, method, begin, change):
    """The gate refuses; the method only proves who it is."""
    change(directory.block, "alice", "left", now=logins.desk.now())
    with ldap_server(bound(), ALICE) as server:
        assert begin(method(server.url)).user == "alice"
