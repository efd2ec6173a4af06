import anyio
import pytest

from pgward.ca.login.ldap import checks
from pgward.ca.login.ldap.directory import LdapDirectory
from pgward.ca.resources.ldap_provider import LdapSpec
from tests.fixtures.ldap_server import CA, bound, done, entry, ldap_server, several

BASE = several(entry("dc=x", entryUUID="id0"), done())
WITHOUT = several(entry("dc=x"), done())


def look(*answers, **changes):
    with ldap_server(*answers) as server:
        fields = {"type": "ldap", "servers": [server.url], "ca": CA, "timeoutSeconds": 1}
        ways = {"bindDn": "cn=s,dc=x", "userBase": "dc=x"} | changes
        spec = LdapSpec.model_validate(fields | ways)
        directory = LdapDirectory(spec, "service", monotonic=lambda: 100.0)
        found = anyio.run(checks.look, directory, spec)
    return {each.name.partition(":")[0]: (each.verdict, each.detail) for each in found}


def test_a_directory_that_can_be_asked_again():
    assert look(bound(), BASE) == {
        "ldaps": ("ok", "answers"),
        "ids": ("ok", "people are known by entryUUID"),
        "renewals": ("ok", "people are asked about every 10 min"),
    }


def test_ids_of_people_only_are_taken_on_trust():
    assert look(bound(), WITHOUT, idAttribute="ipaUniqueID")["ids"][0] == "ok"


def test_a_directory_without_such_ids():
    found = look(bound(), WITHOUT)
    assert found["ids"][0] == "warning"
    assert "dc=x has no entryUUID" in found["ids"][1]


@pytest.mark.parametrize(
    ("changes", "lacking"),
    [
        ({"bindDn": None, "userBase": None, "userDn": "uid={user},dc=x"}, "bindDn with userBase"),
        ({"idAttribute": None}, "idAttribute"),
    ],
)
def test_what_cannot_be_asked_again_is_said(changes, lacking):
    found = look(bound(), BASE, **changes)
    assert set(found) == {"ldaps", "renewals"}
    verdict, detail = found["renewals"]
    assert verdict == "warning"
    assert detail.startswith(f"without {lacking} nobody is asked about before the next login")


def test_a_service_account_that_sees_nobody():
    found = look(bound(), done())
    assert found["ldaps"] == ("failed", "the service account may not read dc=x, so it finds nobody")
