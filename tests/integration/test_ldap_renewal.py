"""Renewals with OpenLDAP's own server: who was renamed, moved between groups, closed or removed."""

from itertools import count

import anyio
import pytest

from pgward.ca.identity import directory, provider_secrets
from pgward.ca.resources import kinds, stored
from tests.fixtures.ca_service import SEALER, Device, request_pem
from tests.fixtures.ldap_writer import LdapWriter
from tests.fixtures.slapd import BASE, GROUPS, PEOPLE, SERVICE_PASSWORD

pytestmark = pytest.mark.integration
PASSWORD = "a person's password"
_numbers = count()


class Company:
    """A CA in this process whose people are slapd's; ``dn`` is of a person of this test only."""

    def __init__(self, app, api, slapd, writer):
        self.api, self.slapd, self.writer = api, slapd, writer
        self.context = app.state.context
        self.uid = f"walter{next(_numbers)}"
        self.dn = f"uid={self.uid},{PEOPLE}"

    def provider(self, **changes):
        spec = self.slapd.spec(createUsers=True, **changes)
        body = {"kind": "IdentityProvider", "metadata": {"name": "corp"}, "spec": spec}
        with self.api.store.write() as transaction:
            now = self.api.clock.now()
            wanted = kinds.read("IdentityProvider", body)
            stored.put(transaction, wanted, now=now, by="test")
            provider_secrets.store(
                transaction, SEALER, "corp", SERVICE_PASSWORD, now=now, by="test"
            )

    def login(self):
        device = Device(self.api)
        body = {"method": "ldap", "provider": "corp", "user": self.uid, "password": PASSWORD}
        answer = device.call("POST", "/v1/login", body)
        assert answer.status_code == 200, answer.text
        device.token = answer.json()["token"]
        return device

    def renew(self, device, minutes=11):
        self.api.clock.move(minutes=minutes)
        return device.call("POST", "/v1/certificates/login", {"csr": request_pem()})

    def groups(self, admin):
        return admin.call("GET", f"/v1/users/{self.uid}").json()["user"]["groups"]

    def event(self, action):
        return [each for each in self.api.events() if each["action"] == action][-1]


@pytest.fixture
def writer(slapd):
    with LdapWriter(slapd) as made:
        yield made


@pytest.fixture
def company(app, api, slapd, writer):
    made = Company(app, api, slapd, writer)
    object.__setattr__(made.context.desk, "monotonic", lambda: api.clock.now().timestamp())
    writer.person(made.dn, PASSWORD)
    return made


def assert_ended(company, device, why):
    answer = company.renew(device)
    assert answer.status_code == 401
    message = answer.json()["error"]["message"]
    assert message == "the directory corp does not let you in any more"
    assert device.call("GET", "/v1/me").status_code == 401
    event = company.event("session.end")
    assert (event["actor"], event["details"]["provider"]) == (company.uid, "corp")
    assert why in event["details"]["reason"]


def test_groups_follow_whatever_the_person_is_called_by_then(company, admin):
    company.provider()
    device = company.login()
    assert company.groups(admin) == []
    group = f"cn=new-{company.uid},{GROUPS}"
    company.writer.add(group, objectClass="groupOfNames", member=company.dn)
    assert company.renew(device).status_code == 200
    assert company.groups(admin) == [f"new-{company.uid}"]
    renamed = f"uid=other-{company.uid},{PEOPLE}"
    company.writer.rename(company.dn, f"uid=other-{company.uid}")
    company.writer.replace(group, member=renamed)
    assert company.renew(device).status_code == 200
    assert company.groups(admin) == [f"new-{company.uid}"]
    company.writer.delete(group)
    assert company.renew(device).status_code == 200
    assert company.groups(admin) == []
    assert company.event("session.refresh")["details"] == {
        "groups_removed": [f"new-{company.uid}"],
        "provider": "corp",
    }


def test_somebody_else_under_the_same_name_is_somebody_else(company):
    company.provider()
    device = company.login()
    company.writer.delete(company.dn)
    company.writer.person(company.dn, PASSWORD)
    assert_ended(company, device, "no entry of corp that may log in has the id")


def test_one_answer_ends_all_logins_of_the_person_and_their_certificates(company, admin):
    company.provider()
    device, other = company.login(), company.login()
    assert company.renew(other).status_code == 200
    company.writer.delete(company.dn)
    assert_ended(company, device, "no entry")
    assert other.call("GET", "/v1/me").status_code == 401
    details = company.event("session.end")["details"]
    assert (details["sessions"], details["revoked"]) == (2, 1)
    assert admin.call("GET", "/v1/me").status_code == 200


@pytest.mark.parametrize(
    ("attribute", "value", "why"),
    [
        ("userAccountControl", "514", "is disabled (userAccountControl)"),
        ("pwdAccountLockedTime", "000001010000Z", "is locked for good"),
    ],
)
def test_accounts_that_were_closed_are_out(company, attribute, value, why):
    company.provider()
    company.writer.replace(company.dn, userAccountControl="512")
    device = company.login()
    assert company.renew(device).status_code == 200
    company.writer.replace(company.dn, **{attribute: value})
    assert_ended(company, device, why)


def test_what_the_filter_says_holds_at_renewals(company):
    bit = "1.2.840.113556.1.4.803"
    closed = f"(|(userAccountControl:{bit}:=16)(employeeType=left))"
    company.provider(userFilter=f"(&(|(uid={{user}})(mail={{user}}@x))(!{closed}))")
    device = company.login()
    assert company.renew(device).status_code == 200
    company.writer.replace(company.dn, userAccountControl="528")
    assert company.renew(device).status_code == 401
    company.writer.replace(company.dn, userAccountControl="512")
    device = company.login()
    company.writer.replace(company.dn, employeeType="left")
    assert_ended(company, device, "no entry of corp that may log in has the id")


def test_people_outside_of_allowed_groups_are_out(company):
    group = f"cn=in-{company.uid},{GROUPS}"
    company.writer.add(group, objectClass="groupOfNames", member=company.dn)
    company.provider(allowGroups=[group])
    device = company.login()
    assert company.renew(device).status_code == 200
    company.writer.delete(group)
    assert_ended(company, device, "is in none of the groups in allowGroups")


def test_linked_people_are_asked_about_however_they_log_in(company, api):
    company.provider()
    company.login()
    with api.store.write() as transaction:
        encoded = api.passwords.hash(PASSWORD)
        directory.set_password(transaction, company.uid, encoded, now=api.clock.now())
    device = Device(api)
    assert device.login(company.uid, PASSWORD).status_code == 200
    assert company.renew(device).status_code == 200
    company.writer.delete(company.dn)
    assert_ended(company, device, "no entry")


@pytest.mark.parametrize("kind", ["two", "referral", "blind", "many groups"])
def test_what_says_nothing_of_the_person_confirms_nothing_and_ends_nothing(company, admin, kind):
    """Renewals go on within the grace, and groups stay as they are."""
    changes = {
        "two": {"idAttribute": "employeeNumber"},
        "many groups": {"groupFilter": None, "groupsAttribute": "seeAlso"},
    }
    company.writer.replace(company.dn, employeeNumber=company.uid)
    company.writer.replace(company.dn, seeAlso=f"cn=dba,{GROUPS}")
    company.provider(**changes.get(kind, {}))
    device = company.login()
    groups = company.groups(admin)
    if kind == "two":
        twin = f"uid=twin-{company.uid},{PEOPLE}"
        company.writer.person(twin, PASSWORD, employeeNumber=company.uid)
        why = f"several entries are employeeNumber '{company.uid}'"
    elif kind == "many groups":
        listed = [f"cn=g{number},{GROUPS}" for number in range(10_000)]
        company.writer.replace(company.dn, seeAlso=listed)
        why = f"{company.dn} is in more than 1000 groups"
    else:
        unit = "far" if kind == "referral" else "hidden"
        company.provider(userBase=f"ou={unit},{BASE}")
        why = "refers the search" if kind == "referral" else "hidden"
    assert company.renew(device).status_code == 200
    event = company.event("session.refresh")
    assert (event["outcome"], event["details"]["provider"]) == ("failed", "corp")
    assert why in event["reason"]
    assert company.groups(admin) == groups
    answer = company.renew(device, minutes=240)
    assert answer.status_code == 503
    assert "corp has not confirmed your login for 251 minutes" in answer.json()["error"]["message"]
    assert company.api.events()[-1]["action"] == "certificate.issue"


@pytest.mark.parametrize("subject", ["*", "x)(uid=*", "x)(|(uid=*)", "\\2a", "x\0"])
def test_a_subject_is_a_value_and_nothing_else(company, subject):
    """An administrator may link any text; with an id that may be any text, too."""
    company.provider(idAttribute="employeeNumber")
    known = company.context.directories.get("corp")
    assert anyio.run(known.directory.confirm, subject) is None


def test_a_directory_that_is_away_for_a_while(company):
    company.provider()
    device = company.login()
    servers = [f"ldaps://localhost:{company.slapd.plain_port}"]
    company.provider(servers=servers)  # speaks no TLS there
    for minutes in (11, 120, 118):
        assert company.renew(device, minutes).status_code == 200
    assert company.renew(device, 2).status_code == 503
    company.provider()
    assert company.renew(device, 1).status_code == 200
