"""`pgward policy` with what is in force at a real CA."""

import json
from pathlib import Path

import pytest
import yaml

EXAMPLES = Path("examples/policies")


@pytest.fixture(scope="module")
def policies(site):
    """The examples, applied, and a service that has two of them."""
    site.admin.ok("apply", "-f", EXAMPLES / "connections.yaml", "-f", EXAMPLES / "statements.yaml")
    name = site.unique("orders")
    service = {
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {
            "mode": "postgres",
            "upstream": {"host": "db1.internal"},
            "allow": {"groups": ["dba"]},
            "labels": {"env": "prod"},
            "postgres": {
                "auth": {"none": True},
                "user": {"force": "app"},
                "sslMode": "require",
                "policies": ["production-guard", "read-only"],
                "policy": {"rules": [{"name": "all", "effect": "ALLOW", "condition": "true"}]},
            },
        },
    }
    site.admin.ok("apply", "-f", "-", stdin=yaml.safe_dump(service))
    return name


@pytest.mark.usefixtures("policies")
def test_what_is_applied_can_be_shown_and_applied_again(site):
    lines = site.admin.ok("get", "policies").splitlines()
    assert lines[0].split() == ["NAME", "RULES", "ON", "OTHERWISE", "DESCRIPTION"]
    assert any(line.startswith("read-only ") for line in lines)
    text = site.admin.ok("get", "policy", "read-only", "-o", "yaml")
    assert site.admin.ok("apply", "-f", "-", stdin=text) == "Policy read-only unchanged\n"


def test_a_decision_is_explained_by_what_is_in_force(site, policies):
    person = site.person("dba", logged_in=False)
    asked = ["--user", person.name, "--service", policies, "--mfa", "--sql", "DELETE FROM a"]
    found = json.loads(site.admin.ok("policy", "explain", *asked, "-o", "json"))
    assert (found["connection"]["policy"], found["connection"]["rule"]) == ("inline", "all")
    (statement,) = found["statements"]
    assert (statement["policy"], statement["rule"]) == ("read-only", "dba")
    stranger = site.person("staff", logged_in=False)
    asked[1] = stranger.name
    done = site.admin.run("policy", "explain", *asked)
    assert done.returncode == 1
    assert done.stdout.endswith("no rule of policy read-only allows it\n")


def test_people_ask_about_themselves(site, policies):
    person, stranger = site.person("dba"), site.person("staff")
    done = person.run("policy", "explain", "--service", policies, "--sql", "alter role app nologin")
    assert done.returncode == 1
    assert done.stdout.splitlines()[:2] == [
        "the connection",
        "allowed by rule all of policy inline",
    ]
    assert "denied by protectRole of the service" in done.stdout
    assert "PRIORITY" not in done.stdout
    assert person.run("policy", "explain", "--service", policies).returncode == 0
    others = person.run("policy", "explain", "--user", stranger.name, "--service", policies)
    assert others.stderr.endswith("hint: without --user it is about yourself\n")
    refused = stranger.run("policy", "explain", "--service", policies)
    assert f"there is no service {policies!r} for you" in refused.stderr


def test_cases_are_tried_against_what_is_in_force(site, policies, tmp_path):
    ann = {"name": "ann", "groups": ["dba"]}
    case = {"name": "otp", "user": ann, "session": {"method": "otp"}, "expect": "DENY"}
    test = {
        "kind": "PolicyTest",
        "metadata": {"name": "t"},
        "spec": {"service": policies, "cases": [case | {"rule": "certificate"}]},
    }
    file = tmp_path / "tests.yaml"
    file.write_text(yaml.safe_dump(test))
    done = site.admin.run("policy", "test", file)
    assert (done.returncode, done.stderr) == (0, "1 case, none failed\n")


def test_a_wrong_condition_is_refused_with_its_place(site, tmp_path):
    rule = {"name": "r", "effect": "DENY", "condition": "ctx.usr == ''"}
    policy = {"kind": "Policy", "metadata": {"name": "wrong"}, "spec": {"rules": [rule]}}
    file = tmp_path / "wrong.yaml"
    file.write_text(yaml.safe_dump(policy))
    done = site.admin.run("apply", "-f", file)
    assert done.returncode == 2
    assert "line 1, column 4: undeclared reference to 'ctx.usr'" in done.stderr
    assert done.stderr.startswith(f"pgward: {file}:")
