import json
from datetime import UTC, datetime, timedelta

import pytest

POLICY = """kind: Policy
metadata: {name: dba-only}
spec:
  rules:
    - {name: dba, effect: ALLOW, condition: "'dba' in ctx.user.groups"}
    - name: reads
      effect: ALLOW
      on: statement
      condition: ctx.request.postgres.statement.reads
  statements: {default: DENY}
"""
TESTS = """kind: PolicyTest
metadata: {name: t}
spec:
  cases:
    - {name: one, user: {name: ann, groups: [dba]}, expect: ALLOW}
    - {name: two, user: ann, expect: ALLOW}
"""
SERVICE = {"spec": {"postgres": {"policies": ["dba-only"]}}}


@pytest.fixture
def files(tmp_path):
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "tests.yaml").write_text(TESTS)
    return tmp_path


@pytest.fixture
def authority(fake_ca):
    """The CA has a service with a policy, and ann in a group."""
    spec = {
        "rules": [
            {"name": "dba", "effect": "ALLOW", "condition": {"match": "'dba' in ctx.user.groups"}}
        ]
    }
    fake_ca.routes |= {
        "GET /v1/resources/service/orders": {"resource": SERVICE},
        "GET /v1/resources/policy/dba-only": {"resource": {"spec": spec}},
        "GET /v1/users/ann": {"user": {"groups": ["dba"]}},
        "GET /v1/users/bob": {"user": {"groups": []}},
    }
    return fake_ca


def test_failed_cases_are_shown(pgward, files):
    done = pgward("policy", "test", files)
    assert done.exit_code == 1
    assert done.stdout == (
        "CASE    RESULT\nt: two  expected ALLOW, but denied by the default of policy dba-only\n"
    )
    assert done.stderr == "2 cases, 1 failed\n"


def test_all_cases_are_data(pgward, files):
    done = pgward("policy", "test", files, "-o", "json")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == [
        {"case": "t: one", "ok": True, "problem": None},
        {
            "case": "t: two",
            "ok": False,
            "problem": "expected ALLOW, but denied by the default of policy dba-only",
        },
    ]


def test_nothing_is_shown_of_cases_that_hold(pgward, files):
    (files / "tests.yaml").write_text(TESTS.partition("    - {name: two")[0])
    done = pgward("policy", "test", files)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "1 case, none failed\n")


def test_the_ca_has_what_no_file_has(logged_in, authority, files):
    (files / "tests.yaml").write_text(TESTS.replace("spec:", "spec:\n  service: orders"))
    done = logged_in("policy", "test", files / "tests.yaml")
    assert "denied by the default of policy dba-only" in done.stdout
    (files / "tests.yaml").write_text(
        TESTS.replace("spec:", "spec:\n  service: orders").replace("ALLOW}", "DENY, rule: dab}")
    )
    wrong = logged_in("policy", "test", files / "tests.yaml")
    assert "spec.cases[0].rule: is none of these policies; did you mean dba?" in wrong.stderr
    assert wrong.exit_code == 2
    assert authority.calls[:2] == [
        "GET /v1/resources/service/orders",
        "GET /v1/resources/policy/dba-only",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: Policy\nmetadata: {name: a}\n", "no file has a PolicyTest"),
        (TESTS, "tests.yaml:3: spec: no policy is tested"),
        (TESTS.replace("user: ann", "usr: ann"), "tests.yaml:6: spec.cases[1].usr is not a field"),
        (
            TESTS.replace("  cases:", "  policies: [x]\n  cases:"),
            "no file has the policy 'x', and you",
        ),
    ],
)
def test_what_cannot_be_tested_is_told(pgward, tmp_path, text, said):
    path = tmp_path / "tests.yaml"
    path.write_text(text)
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    with_policy = [policy] if "usr:" in text else []
    done = pgward("policy", "test", path, *with_policy)
    assert done.exit_code != 0
    assert said.replace("usr is", "usr: is") in done.stderr or said in done.stderr


def test_what_somebody_was_granted_is_asked_from_the_ca(logged_in, authority):
    service = {"spec": {**SERVICE["spec"], "allow": {"users": ["zoe"]}}}
    authority.routes["GET /v1/resources/service/orders"] = {"resource": service}
    authority.routes["GET /v1/users/ann"] = {"user": {"groups": ["dba"]}}
    explain = ("policy", "explain", "--user", "ann", "--service", "orders")
    assert "denied by allow of the service" in logged_in(*explain).stdout
    assert "allowed by rule dba" in logged_in(*explain, "--grant", "reading").stdout
    for rights in ({"bundles": ["reading"], "roles": []}, {"bundles": [], "roles": []}):
        found = [{"flow": "oncall", **rights}]
        authority.routes["GET /v1/access/grants"] = {"grants": found}
        assert "allowed by rule dba" in logged_in(*explain).stdout


def test_a_connection_is_explained(logged_in, authority):
    done = logged_in("policy", "explain", "--user", "ann", "--service", "orders")
    assert done.stdout == (
        "the connection\n"
        "PRIORITY  RULE          EFFECT  WHAT OF IT  BECAUSE\n"
        "0         dba-only/dba  ALLOW   decides     'dba' in ctx.user.groups is true\n"
        "allowed by rule dba of policy dba-only\n"
    )
    assert done.exit_code == 0
    assert authority.calls[-1] == "GET /v1/users/ann"


@pytest.mark.usefixtures("authority")
def test_a_refusal_has_a_status(logged_in):
    done = logged_in("policy", "explain", "--user", "bob", "--service", "orders")
    assert done.exit_code == 1
    assert done.stdout.endswith(
        "denied by the default of policy dba-only: no rule of policy dba-only allows it\n"
    )


def test_statements_are_explained_without_a_ca(pgward, files):
    sql = "SELECT 1; DELETE FROM a"
    words = ["--user", "ann", "--group", "dba", "--service", "orders", "--policy", "dba-only"]
    done = pgward("policy", "explain", *words, "-f", files, "--sql", sql, "-o", "json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert found["connection"]["rule"] == "dba"
    assert [(each["statement"]["kind"], each["allowed"]) for each in found["statements"]] == [
        ("SELECT", True),
        ("DELETE", False),
    ]


def test_a_statement_is_shown_with_what_is_known_of_it(pgward, files):
    words = ["--user", "ann", "--group", "dba", "--service", "orders", "--policy", "dba-only"]
    done = pgward("policy", "explain", *words, "-f", files, "--sql", "SELECT now()")
    assert done.stdout.split("\n\n")[1] == (
        "kind       SELECT\n"
        "kinds      SELECT\n"
        "tables     -\n"
        "functions  now\n"
        "settings   -\n"
        "reads      yes\n"
        "text       SELECT now()\n"
        "PRIORITY  RULE            EFFECT  WHAT OF IT  BECAUSE\n"
        "0         dba-only/reads  ALLOW   decides     "
        "ctx.request.postgres.statement.reads is true\n"
        "allowed by rule reads of policy dba-only\n"
    )


@pytest.mark.parametrize("allow", ["{users: [ann]}", "{groups: [dba]}"])
def test_who_is_left_out_is_told_so(pgward, tmp_path, allow):
    (tmp_path / "service.yaml").write_text(
        f"kind: Service\nmetadata: {{name: orders}}\nspec: {{mode: tcp, allow: {allow}}}\n"
    )
    words = ["--service", "orders", "-f", tmp_path, "--sql", "select 1"]
    done = pgward("policy", "explain", "--user", "bob", *words)
    said = "the connection\ndenied by allow of the service: it is for others\n"
    assert (done.exit_code, done.stdout) == (1, said)
    assert "orders is in mode tcp: no policy applies, and no statement is seen" in done.stderr
    done = pgward("policy", "explain", "--user", "ann", "--group", "dba", *words)
    assert (done.exit_code, done.stdout) == (0, "the connection\nallowed as no policy rules it\n")


def test_the_role_that_people_land_as_is_told_to_be_kept(pgward, tmp_path):
    (tmp_path / "service.yaml").write_text(
        "kind: Service\nmetadata: {name: orders}\n"
        "spec: {postgres: {user: {force: app}, policy: {connect: {default: ALLOW}}}}\n---\n"
        "kind: PolicyTest\nmetadata: {name: t}\nspec:\n  service: orders\n  cases:\n"
        "    - {name: kept, user: ann, sql: alter role app nologin, expect: DENY,"
        " rule: protectRole}\n"
    )
    words = ["--user", "ann", "--service", "orders", "-f", tmp_path]
    done = pgward("policy", "explain", *words, "--sql", "alter role app nologin")
    assert done.exit_code == 1
    assert done.stdout.endswith(
        "text       alter role app nologin\n"
        "denied by protectRole of the service: people land here as app, so it is not changed here\n"
    )
    assert pgward("policy", "test", tmp_path).exit_code == 0


SEVERAL = """kind: Service
metadata: {name: orders}
spec:
  mode: postgres
  upstream: {host: db1, port: 5432}
  postgres:
    auth: {password: {fromSecret: a}}
    configs:
      writer: {user: {force: loader}}
    rules:
      - {match: "'dba' in ctx.user.groups", config: writer}
"""


def test_the_configuration_that_is_chosen_is_told(pgward, tmp_path):
    (tmp_path / "service.yaml").write_text(SEVERAL)
    words = ["--user", "ann", "--service", "orders", "-f", tmp_path]
    done = pgward("policy", "explain", *words, "--group", "dba")
    assert done.exit_code == 0
    assert done.stdout == (
        "the connection\n"
        "CONFIG  MATCH                     WHAT OF IT\n"
        "writer  'dba' in ctx.user.groups  chosen\n"
        "allowed as no policy rules it\n"
        "with config writer: db1:5432; user loader; database any\n"
    )
    data = json.loads(pgward("policy", "explain", *words, "--group", "dba", "-o", "json").stdout)
    assert data["connection"]["config"]["name"] == "writer"
    refused = pgward("policy", "explain", *words)
    assert refused.exit_code == 1
    assert refused.stdout == (
        "the connection\n"
        "CONFIG  MATCH                     WHAT OF IT\n"
        "writer  'dba' in ctx.user.groups  does not match\n"
        "denied by configs of the service: none of the service's configurations is for you\n"
    )


def test_cases_see_that_no_configuration_is_for_somebody(pgward, tmp_path):
    (tmp_path / "service.yaml").write_text(
        SEVERAL.replace("    rules:", "    policy: {connect: {default: ALLOW}}\n    rules:")
        + "---\nkind: PolicyTest\nmetadata: {name: t}\nspec:\n  service: orders\n  cases:\n"
        "    - {name: in, user: {name: ann, groups: [dba]}, expect: ALLOW}\n"
        "    - {name: out, user: ann, expect: DENY, rule: configs}\n"
    )
    done = pgward("policy", "test", tmp_path)
    assert (done.exit_code, done.stderr) == (0, "2 cases, none failed\n")


def test_all_that_a_rule_can_see_can_be_said(pgward, tmp_path):
    sees = [
        "ctx.user.email == 'a@b.c'",
        "ctx.request.postgres.connect.user == 'app'",
        "ctx.request.postgres.connect.database == 'shop'",
        "ctx.request.postgres.connect.parameters.application_name == 'psql'",
        "ctx.session.client.inNetwork('10.0.0.0/8')",
        "ctx.session.method == 'otp' && ctx.session.mfa",
        "ctx.device.trusted",
        "ctx.now == timestamp('2026-11-22T09:30:00Z')",
    ]
    spec = {"rules": [{"name": "r", "effect": "ALLOW", "condition": {"all": sees}}]}
    document = {"kind": "Policy", "metadata": {"name": "p"}, "spec": spec}
    (tmp_path / "p.json").write_text(json.dumps(document))
    words = "--user ann --service s --policy p --email a@b.c --role app --database shop --mfa"
    more = "--application psql --client 10.1.1.1 --method otp --trusted-device"
    at = ["--at", "2026-11-22T10:30:00+01:00", "-f", tmp_path]
    done = pgward("policy", "explain", *words.split(), *more.split(), *at)
    assert done.exit_code == 0, done.stdout + done.stderr


def test_it_is_now_unless_said(pgward, tmp_path):
    soon = (datetime.now(UTC) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    condition = f"ctx.now < timestamp('{soon}') && ctx.now > timestamp('{soon}') - duration('1h')"
    spec = {"rules": [{"name": "r", "effect": "ALLOW", "condition": condition}]}
    document = {"kind": "Policy", "metadata": {"name": "p"}, "spec": spec}
    (tmp_path / "p.json").write_text(json.dumps(document))
    words = ["--user", "ann", "--service", "s", "--policy", "p", "-f", tmp_path]
    assert pgward("policy", "explain", *words).exit_code == 0


def test_a_wrong_time_is_told(pgward, files):
    words = ["--user", "ann", "--service", "s", "--policy", "dba-only", "-f", files]
    done = pgward("policy", "explain", *words, "--at", "noon")
    assert (done.exit_code, "is no time" in done.stderr) == (2, True)
