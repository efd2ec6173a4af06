import json

import pytest

from tests.fixtures.commands import body
from tests.fixtures.fake_ca import error

TWO = "kind: Service\nmetadata: {name: a}\n---\nkind: Service\nmetadata: {name: b}\n"


@pytest.fixture
def resources(fake_ca):
    """Every resource that is put is new."""
    for name in ("a", "b"):
        fake_ca.routes[f"PUT /v1/resources/Service/{name}"] = {"change": "created"}
        fake_ca.routes[f"DELETE /v1/resources/Service/{name}"] = {"change": "deleted"}
    return fake_ca


def queries(fake_ca) -> list[str]:
    return [f"{r.url.path[-1]}?{r.url.query.decode()}" for r in fake_ca.requests]


def test_all_are_checked_before_one_is_written(logged_in, resources):
    result = logged_in("apply", "-f", "-", stdin=TWO)
    assert result.stdout == "Service a created\nService b created\n"
    assert queries(resources) == ["a?dry_run=true", "b?dry_run=true", "a?", "b?"]
    assert body(resources) == {"kind": "Service", "metadata": {"name": "b"}}


def test_a_lockout_may_be_meant(logged_in, resources):
    logged_in("apply", "-f", "-", "--allow-lockout", stdin=TWO.partition("---")[0])
    assert queries(resources) == ["a?dry_run=true&allow_lockout=true", "a?allow_lockout=true"]


def test_providers_may_be_applied_untried_and_what_was_found_is_told(logged_in, resources):
    resources.routes["PUT /v1/resources/Service/a"] = {"change": "created", "notes": ["look out"]}
    done = logged_in("apply", "-f", "-", "--untried", stdin=TWO.partition("---")[0])
    assert queries(resources) == ["a?dry_run=true&untried=true", "a?untried=true"]
    assert (done.stdout, done.stderr) == ("Service a created\n", "look out\n")


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


def test_a_dry_run_only_checks(logged_in, resources):
    result = logged_in("apply", "-f", "-", "--dry-run", stdin=TWO)
    assert result.stdout == "Service a created (dry run)\nService b created (dry run)\n"
    assert queries(resources) == ["a?dry_run=true", "b?dry_run=true"]


def test_fields_become_lines_of_all_documents(logged_in, resources):
    wrong = [{"path": "spec.upstream", "message": "is missing"}]
    for name in ("a", "b"):
        resources.routes[f"PUT /v1/resources/Service/{name}"] = error(
            "invalid", "spec.upstream is missing", fields=wrong
        )
    result = logged_in("apply", "-f", "-", stdin=TWO)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "pgward: stdin:1: spec.upstream: is missing\n"
        "  stdin:4: spec.upstream: is missing\n"
        "hint: nothing was changed\n"
    )


def test_fields_are_named_in_the_order_of_their_lines(logged_in, resources):
    wrong = [{"path": f"spec.{name}", "message": "is wrong"} for name in ("z", "missing", "y")]
    resources.routes["PUT /v1/resources/Service/a"] = error("invalid", "wrong", fields=wrong)
    text = "kind: Service\nmetadata: {name: a}\nspec:\n  y: 1\n  z: 2\n"
    assert logged_in("apply", "-f", "-", stdin=text).stderr == (
        "pgward: stdin:3: spec.missing: is wrong\n"
        "  stdin:4: spec.y: is wrong\n"
        "  stdin:5: spec.z: is wrong\n"
        "hint: nothing was changed\n"
    )


def test_a_conflict_alone_is_no_wrong_input(logged_in, resources):
    resources.routes["PUT /v1/resources/Service/b"] = error("conflict", "it has version 2, not 1")
    result = logged_in("apply", "-f", "-", stdin=TWO)
    assert result.exit_code == 1
    assert result.stderr.startswith("pgward: stdin:5: metadata.name: it has version 2, not 1\n")
    resources.routes["PUT /v1/resources/Service/a"] = error("invalid", "too much of it")
    assert logged_in("apply", "-f", "-", stdin=TWO).exit_code == 2


def test_an_error_without_fields_names_the_document(logged_in, resources):
    resources.routes["PUT /v1/resources/Service/b"] = error("invalid", "too much of it")
    result = logged_in("apply", "-f", "-", stdin=TWO)
    assert result.stderr.startswith("pgward: stdin:4: too much of it\n")


def test_an_unknown_kind_names_its_line(logged_in):
    result = logged_in("apply", "-f", "-", stdin="metadata: {name: a}\nkind: Frog\n")
    assert result.stderr.startswith("pgward: stdin:2: kind: ")


def test_an_unknown_kind_comes_with_those_that_are_known(logged_in, fake_ca):
    fake_ca.routes["PUT /v1/resources/Servce/a"] = error(
        "not_found", "there is no kind 'Servce'", hint="known are Service"
    )
    result = logged_in("apply", "-f", "-", stdin="metadata: {name: a}\nkind: Servce\n")
    assert result.stderr.startswith(
        "pgward: stdin:2: kind: there is no kind 'Servce'; known are Service\n"
    )


def test_who_may_not_is_told_at_once(logged_in, resources):
    resources.routes["PUT /v1/resources/Service/a"] = error("denied", "only an administrator")
    result = logged_in("apply", "-f", "-", stdin=TWO)
    assert (result.exit_code, len(resources.requests)) == (3, 1)


def test_a_failure_half_way_says_what_was_applied(logged_in, resources):
    answers = iter([{"change": "created"}, error("unavailable", "the store is away")])
    resources.routes["PUT /v1/resources/Service/b"] = lambda _: next(answers)
    result = logged_in("apply", "-f", "-", stdin=TWO)
    assert result.exit_code == 1
    assert result.stderr == (
        "applied before the failure: a\npgward: stdin:4: Service b: the store is away\n"
    )


def test_the_same_resource_in_two_files_is_refused(logged_in, resources, tmp_path):
    for name in ("x.yaml", "y.yaml"):
        (tmp_path / name).write_text("kind: Service\nmetadata: {name: a}\n")
    result = logged_in("apply", "-f", tmp_path)
    assert result.exit_code == 2
    assert f"'a' is in {tmp_path}/x.yaml:1 already" in result.stderr
    assert resources.requests == []


def test_get_as_yaml_is_one_document_each(logged_in, fake_ca):
    found = [{"kind": "Service", "metadata": {"name": n}, "spec": {}} for n in "ab"]
    fake_ca.routes["GET /v1/resources/services"] = {"resources": found}
    assert logged_in("get", "services", "-o", "yaml").stdout == (
        "kind: Service\nmetadata:\n  name: a\nspec: {}\n"
        "---\n"
        "kind: Service\nmetadata:\n  name: b\nspec: {}\n"
    )
    assert json.loads(logged_in("get", "services", "-o", "json").stdout) == found


def test_get_without_any(logged_in, fake_ca):
    fake_ca.routes["GET /v1/resources/services"] = {"resources": []}
    result = logged_in("get", "services")
    assert (result.stdout, result.stderr) == ("", "there are no services\n")


@pytest.mark.usefixtures("resources")
def test_delete_what_files_name(logged_in):
    result = logged_in("delete", "-f", "-", stdin=TWO)
    assert result.stdout == "Service a deleted\nService b deleted\n"


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
