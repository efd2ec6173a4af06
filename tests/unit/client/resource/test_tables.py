import pytest

from pgward.client.resource import tables


def test_login_rules_are_shown_by_what_they_require(logged_in, fake_ca):
    spec = {"reason": "required", "sessionHours": 4, "posture": {"firewall": "required"}}
    rules = {
        "dba": spec | {"appliesTo": {"everyone": False, "groups": ["dba"], "users": ["ann"]}},
        "all": {"appliesTo": {"everyone": True}, "devices": "approval"},
    }
    fake_ca.routes["GET /v1/resources/loginrules"] = {
        "resources": [{"metadata": {"name": name}, "spec": spec} for name, spec in rules.items()]
    }
    lines = logged_in("get", "loginrules").stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["NAME", "FOR", "REQUIRES", "DESCRIPTION"],
        ["dba", "user:ann,", "group:dba", "reason=required,", "sessionHours=4,", "posture", "-"],
        ["all", "everyone", "devices=approval", "-"],
    ]


def test_policies_are_shown_by_their_rules(logged_in, fake_ca):
    rules = [
        {"name": "dba", "effect": "ALLOW", "on": "connect"},
        {"name": "drop", "effect": "DENY", "on": "statement"},
    ]
    specs = {
        "p": {"rules": rules, "statements": {"default": "DENY", "unparsed": "ALLOW"}},
        "q": {"rules": [], "connect": {"default": "DENY"}},
    }
    fake_ca.routes["GET /v1/resources/policies"] = {
        "resources": [{"metadata": {"name": name}, "spec": spec} for name, spec in specs.items()]
    }
    assert logged_in("get", "policies").stdout == (
        "NAME  RULES                 ON                  OTHERWISE"
        "                        DESCRIPTION\n"
        "p     ALLOW dba, DENY drop  connect, statement  DENY statements, ALLOW unparsed  -\n"
        "q     -                     -                   DENY connect                     -\n"
    )


def test_services_are_shown_with_every_server_behind_them(logged_in, fake_ca):
    several = [{"host": "a", "port": 5432}, {"host": "b", "port": 5432}]
    configs = {"prod": {"upstreams": [{"host": "b", "port": 5432}, {"host": "c", "port": 6432}]}}
    specs = {
        "one": {"mode": "tcp", "upstream": several[0], "allow": {"groups": ["dba"]}},
        "two": {"mode": "postgres", "postgres": {"upstreams": several, "configs": configs}},
    }
    fake_ca.routes["GET /v1/resources/services"] = {
        "resources": [{"metadata": {"name": name}, "spec": spec} for name, spec in specs.items()]
    }
    lines = logged_in("get", "services").stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["NAME", "MODE", "UPSTREAM", "GROUPS", "USERS", "EDGES", "DESCRIPTION"],
        ["one", "tcp", "a:5432", "dba", "-", "all", "-"],
        ["two", "postgres", "a:5432,", "b:5432,", "c:6432", "-", "-", "all", "-"],
    ]


def test_integrations_bundles_and_flows_are_shown_by_what_they_are_for(logged_in, fake_ca):
    spec = {
        "connector": "c1",
        "host": "db1",
        "port": 5432,
        "user": "pg",
        "owner": {"users": ["ann"]},
    }
    edge = {"edge": "e1", "host": "db2", "port": 5432, "user": "pg"}
    show(fake_ca, "integrations", {"one": spec, "two": edge})
    assert logged_in("get", "integrations").stdout == (
        "NAME  CONNECTOR  SERVER    USER  OWNER     DESCRIPTION\n"
        "one   c1         db1:5432  pg    user:ann  -\n"
        "two   edge e1    db2:5432  pg    -         -\n"
    )
    show(fake_ca, "rolebundles", {"b": {"integrations": ["one"], "privileges": [{}, {}]}})
    assert logged_in("get", "rolebundles").stdout == (
        "NAME  INTEGRATIONS  ROLES  PRIVILEGES  DESCRIPTION\n"
        "b     one           -      2           -\n"
    )
    flow = {
        "serviceLabels": {"env": "prod"},
        "who": {"groups": ["dev"]},
        "bundles": ["b"],
        "privileges": [{}],
        "maxDuration": "8h",
        "approvals": [],
    }
    show(fake_ca, "accessflows", {"f": flow})
    assert logged_in("get", "accessflows").stdout == (
        "NAME  SERVICES  WHO        FOR             LONGEST  APPROVALS  DESCRIPTION\n"
        "f     env=prod  group:dev  b, 1 privilege  8h       automatic  -\n"
    )


def test_people_and_groups_are_shown(logged_in, fake_ca):
    show(fake_ca, "users", {"ann": {"fullName": "Ann", "email": "", "groups": ["dba", "dev"]}})
    assert logged_in("get", "users").stdout == (
        "NAME  FULL NAME  E-MAIL  GROUPS    VALID UNTIL\nann   Ann        -       dba, dev  -\n"
    )
    show(fake_ca, "groups", {"dba": {"members": ["ann", "bob"]}})
    assert logged_in("get", "groups").stdout == "NAME  MEMBERS\ndba   ann, bob\n"


def test_of_other_kinds_the_table_has_what_all_have(logged_in, fake_ca):
    fake_ca.routes["GET /v1/resources/frogs"] = {
        "resources": [{"metadata": {"name": "a", "version": 3, "updatedBy": "ann"}, "spec": {}}]
    }
    assert logged_in("get", "frogs").stdout == (
        "NAME  VERSION  BY   DESCRIPTION\na     3        ann  -\n"
    )


@pytest.mark.parametrize("kind", ["services", "identityproviders", "frogs"])
def test_an_empty_table_says_so(logged_in, fake_ca, kind):
    fake_ca.routes[f"GET /v1/resources/{kind}"] = {"resources": []}
    said = {"identityproviders": "there is no identity provider"}.get(kind, f"there are no {kind}")
    assert logged_in("get", kind).stderr == f"{said}\n"


def show(fake_ca, kind, specs):
    fake_ca.routes[f"GET /v1/resources/{kind}"] = {
        "resources": [{"metadata": {"name": name}, "spec": spec} for name, spec in specs.items()]
    }


def test_rows_and_columns_can_be_had_without_a_terminal():
    found = [{"metadata": {"name": "staff"}, "spec": {"members": ["ann"]}}]
    rows, columns = tables.told(found, "Group")
    assert rows == [{"name": "staff", "members": ["ann"]}]
    assert columns == {"name": "NAME", "members": "MEMBERS"}
