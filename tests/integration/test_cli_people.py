"""`pgward user | group | passwd | whoami | services` at a real CA."""

import json

import pytest
import yaml

from pgward.client.home import Home
from tests.fixtures.ca_process import PASSWORD

pytestmark = pytest.mark.integration


def test_whoami_for_people_and_for_programs(site):
    person = site.person("dba")
    lines = dict(line.split("  ", 1) for line in person.ok("whoami").splitlines())
    assert lines["user"].strip() == person.name
    assert lines["groups"].strip() == "dba"
    assert lines["CA"].strip() == site.ca.url
    assert lines["login session"].startswith("ends in 12 hours (20")
    assert lines["certificate"].strip().startswith("ends in ")
    found = yaml.safe_load(person.ok("whoami", "-o", "yaml", "--check"))
    paths = Home(person.home).paths
    assert found["paths"] == {
        "sslcert": str(paths.cert),
        "sslkey": str(paths.key),
        "sslrootcert": str(paths.ca),
    }
    assert person.ok("whoami", "--paths") == (
        f"sslcert      {paths.cert}\nsslkey       {paths.key}\nsslrootcert  {paths.ca}\n"
    )


def test_whoami_without_a_login(site):
    done = site.stranger().run("whoami")
    assert (done.returncode, done.stdout, done.stderr) == (
        4,
        "",
        "pgward: you are not logged in\nhint: pgward login\n",
    )


def test_services_are_those_that_one_may_use(site):
    group = site.unique("team")
    person, other = site.person(group), site.person()
    name = site.service(groups=(group,))
    titles, row = (line.split() for line in person.ok("ls").splitlines())
    assert titles == ["NAME", "MODE", "DATABASE", "SERVER", "EDGES", "DESCRIPTION"]
    assert row[:4] == [name, "tcp", "-", "db1.internal"]
    assert [each["name"] for each in person.data("services")] == [name]
    done = other.run("services")
    assert (done.stdout, done.stderr) == (
        "",
        "no service is for you; an administrator can add one\n",
    )


def test_the_life_of_a_user(site):
    admin, name = site.admin, site.unique("bob")
    arguments = ("--full-name", "Bob B.", "--email", "b@x.test", "--group", "dba")
    done = admin.run("user", "add", name, *arguments, "--password-stdin", stdin=f"{PASSWORD}\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"added {name} to dba\n")
    shown = admin.data("user", "show", name)
    assert (shown["full_name"], shown["email"], shown["groups"]) == ("Bob B.", "b@x.test", ["dba"])
    assert name in {each["name"] for each in admin.data("user", "list")}
    assert admin.run("user", "edit", name, "--full-name", "Robert").returncode == 0
    assert admin.data("user", "show", name)["full_name"] == "Robert"
    done = admin.run("user", "block", name, "--reason", "on leave")
    assert done.stderr == f"blocked {name}; 0 certificates revoked\n"
    assert admin.data("user", "show", name)["blocked_reason"] == "on leave"
    assert admin.run("user", "unblock", name).returncode == 0
    assert admin.data("user", "show", name)["blocked"] is False
    done = admin.run("user", "remove", name)
    assert done.stderr == f"removed {name}; 0 certificates revoked\n"
    done = admin.run("user", "show", name)
    assert (done.returncode, done.stderr) == (
        1,
        f"pgward: there is no user '{name}'\nhint: pgward user list\n",
    )


@pytest.mark.soak
def test_a_generated_password_is_all_of_stdout_and_works(site):
    name = site.unique("carol")
    password = site.admin.ok("user", "add", name, "--generate").strip()
    person = site.stranger(name)
    person.password = password
    assert person.log_in_by_command().returncode == 0
    renewed = site.admin.ok("user", "passwd", name, "--generate").strip()
    assert person.log_in_by_command().returncode == 3
    person.password = renewed
    assert person.log_in_by_command().returncode == 0


def test_blocking_counts_the_certificates_that_it_revoked(site):
    person = site.person()
    done = site.admin.run("user", "block", person.name)
    assert done.stderr == f"blocked {person.name}; 1 certificate revoked\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["user", "add", "a,b", "--generate"], 2, "'a,b' cannot be a user name"),
        (["user", "add", "admin", "--generate"], 1, "there is a user 'admin' already"),
        (["user", "add", "x", "--generate", "--password-stdin"], 2, "--generate takes no password"),
        (["user", "add", "x", "--group", "Not OK", "--generate"], 2, "groups[0]"),
        (["user", "edit", "admin"], 2, "nothing to change"),
        (["user", "show", "../me"], 2, "'../me' cannot be a user name"),
        (["user", "remove", "admin"], 1, "administrator"),
        (["user", "passwd", "nobody", "--generate"], 1, "there is no user 'nobody'"),
        (["group", "show", "nobody"], 1, "there is no group 'nobody'"),
        (["group", "add", "dba", "nobody"], 1, "there is no user 'nobody'"),
        (["group", "add", "NOT", "admin"], 2, "'NOT' cannot be a group"),
        (["user", "add"], 2, "missing argument 'NAME'"),
    ],
)
def test_what_an_administrator_gets_wrong(site, arguments, code, message):
    done = site.admin.run(*arguments, stdin="x\n")
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_password_too_short_is_refused_by_its_rule(site):
    done = site.admin.run("user", "add", site.unique("d"), "--password-stdin", stdin="short\n")
    assert done.returncode == 2
    assert "password" in done.stderr
    assert "short\n" not in done.stderr.replace("too short\n", "")


def test_other_people_administer_nothing(site):
    done = site.person().run("user", "list")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "pgward: only an administrator may do this\n"
        "hint: ask a member of the group administrators\n"
    )


def test_groups_come_and_go_with_their_members(site):
    one, two = site.person(logged_in=False), site.person(logged_in=False)
    admin, group = site.admin, site.unique("ops")
    done = admin.run("group", "add", group, one.name, two.name)
    members = sorted([one.name, two.name])
    assert done.stderr == f"in {group} now: {', '.join(members)}\n"
    shown = {"name": group, "members": members, "size": 2}
    assert admin.data("group", "show", group) == shown
    assert shown in admin.data("group", "list")
    done = admin.run("group", "remove", group, one.name, two.name)
    assert done.stderr == f"in {group} now: nobody, so the group is gone\n"
    assert admin.run("group", "show", group).returncode == 1


def test_changing_the_own_password(site):
    person = site.person()
    done = person.run("passwd", "--password-stdin", stdin=f"{PASSWORD}\nanother good password\n")
    assert (done.returncode, done.stderr) == (
        0,
        "password changed; your other login sessions have ended\n",
    )
    assert person.log_in_by_command().returncode == 3
    person.password = "another good password"
    assert person.log_in_by_command().returncode == 0


def test_the_old_password_must_be_right(site):
    person = site.person()
    done = person.run("passwd", "--password-stdin", stdin="wrong\nanother good password\n")
    assert (done.returncode, done.stderr) == (3, "pgward: the old password is wrong\n")


def test_secrets_are_in_no_error_and_no_audit(site):
    person = site.person()
    person.run("passwd", "--password-stdin", stdin="wrong\nS3CR3T\n")
    person.password = "S3CR3T wrong"
    texts = [person.log_in_by_command().stderr, json.dumps(site.admin.data("audit"))]
    texts.append(site.ca.messages())
    assert not any("S3CR3T" in text for text in texts)
