"""Logins against OpenLDAP's own server."""

import time

import anyio
import pytest

from pgward.ca.login.ldap import ber, messages
from pgward.ca.login.ldap.connection import connected
from pgward.ca.login.ldap.directory import LdapDirectory, tls_context
from pgward.ca.login.ldap.errors import LdapRefusedError, LdapResultError, LdapUnavailableError
from pgward.ca.resources import ldap_provider
from pgward.ca.resources.ldap_provider import LdapSpec
from tests.fixtures import ldap_server
from tests.fixtures.slapd import ALICE_PASSWORD, BASE, GROUPS, PEOPLE, SERVICE_PASSWORD, Slapd

pytestmark = pytest.mark.integration
DIRECT = {"bindDn": None, "userBase": None, "userDn": "uid={user}," + PEOPLE}


def directory(slapd: Slapd, **changes):
    spec = LdapSpec.model_validate(slapd.spec(**changes))
    return LdapDirectory(spec, SERVICE_PASSWORD, monotonic=time.monotonic)


def login(found, user="alice", password=ALICE_PASSWORD):
    return anyio.run(found.authenticate, user, password)


@pytest.mark.parametrize("way", ["ldaps", "starttls"])
def test_a_person_is_who_the_directory_says(slapd, way):
    person = login(directory(slapd, servers=[getattr(slapd, way)]), "ALICE")
    assert person.dn == f"uid=alice,{PEOPLE}"
    assert (person.name, person.full_name) == ("alice", "Alice van Dyke")
    assert person.email == "alice@example.com"
    assert person.groups == {"dba"}
    assert len(person.subject) == 36


def test_groups_of_groups(slapd):
    assert login(directory(slapd, nestedLevels=1)).groups == {"dba", "staff"}
    assert login(directory(slapd, nestedLevels=9)).groups == {"dba", "staff", "everybody"}


def test_groups_that_the_entry_lists(slapd):
    listed = {"groupFilter": None, "groupsAttribute": "memberOf"}
    bob = login(directory(slapd, **listed), "bob", "bob's password")
    assert bob.groups == {"night-shift"}  # and not staff, which is another one elsewhere
    mapped = {f"cn=staff,ou=elsewhere,{BASE}": "far-staff"}
    bob = login(directory(slapd, **listed, groupMap=mapped), "bob", "bob's password")
    assert bob.groups == {"far-staff", "night-shift"}


def test_more_groups_than_a_page_has(slapd):
    twin = login(directory(slapd, userBase=PEOPLE), "twin", "twin's password")
    assert len(twin.groups) == 620


def test_a_person_can_bind_directly(slapd):
    # slapd's own rules let people read only themselves.
    person = login(directory(slapd, **DIRECT, groupFilter=None, groupBase=None))
    assert (person.name, person.groups) == ("alice", None)


@pytest.mark.parametrize("way", [{}, DIRECT])
@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("alice", "wrong"),
        ("alice", ""),
        ("alice", "\0"),
        ("", ALICE_PASSWORD),
        ("*", ALICE_PASSWORD),
        ("al*", ALICE_PASSWORD),
        ("alice)(uid=*", ALICE_PASSWORD),
        ("nobody)(|(uid=alice", ALICE_PASSWORD),
        (f"alice,{PEOPLE}", ALICE_PASSWORD),
        ("alice+cn=Alice van Dyke", ALICE_PASSWORD),
        ("alice\\2c", ALICE_PASSWORD),
        (f"uid=alice,{PEOPLE}", ALICE_PASSWORD),
        ("nobody", "x"),
    ],
)
def test_wrong_passwords_and_injections_are_refused(slapd, way, user, password):
    without = {**way, "groupFilter": None, "groupBase": None}
    with pytest.raises(LdapRefusedError, match="wrong user name or password"):
        login(directory(slapd, **without), user, password)


def test_the_server_would_have_taken_a_bind_without_a_password(slapd):
    """So that the refusal of empty passwords above is known to be ours."""

    async def unauthenticated():
        server = ldap_provider.server(slapd.ldaps)
        async with connected(server, tls_context(slapd.ca), seconds=5) as connection:
            body = (ber.integer(3), ber.string(f"uid=alice,{PEOPLE}"), ber.string("", 0x80))
            return await connection._ask(9, messages._message(9, ber.value(0x60, *body)))

    assert anyio.run(unauthenticated).code == 0


def test_two_entries_of_one_name_are_nobody(slapd):
    with pytest.raises(LdapRefusedError) as caught:
        login(directory(slapd), "twin", "twin's password")
    assert caught.value.reason == "several entries are 'twin'"


def test_a_referral_is_not_followed(slapd):
    with pytest.raises(LdapResultError, match="to another server, which is not asked"):
        login(directory(slapd, userBase=f"ou=far,{BASE}"))


def test_people_outside_of_the_groups_that_may_log_in(slapd):
    assert login(directory(slapd, allowGroups=["dba"])).name == "alice"
    with pytest.raises(LdapRefusedError, match="wrong user name"):
        login(directory(slapd, allowGroups=[f"cn=staff,{GROUPS}"]))


def test_a_server_whose_certificate_is_not_trusted_is_not_asked(slapd):
    with pytest.raises(LdapUnavailableError, match="its certificate is not valid"):
        login(directory(slapd, ca=ldap_server.CA))
