from datetime import UTC, datetime

import pytest

from pgward.client.manifest import ManifestError, read_text
from pgward.client.policy_sources import Ruled, Sources, read_files
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.policy.context import Connect, Context, ServiceFacts, Session, User
from pgward.policy.role_guard import RoleGuard

POLICY = """kind: Policy
metadata: {name: %s}
spec:
  rules:
    - name: all
      effect: ALLOW
      condition: "%s"
"""
SERVICE = """kind: Service
metadata: {name: orders}
spec:
  labels: {env: prod}
  postgres:
    policies: [b, a]
    policy: {connect: {default: DENY}}
"""


def sources(*texts, ask=None):
    return Sources(read_text("---\n".join(texts), "f.yaml"), ask)


def names(policies):
    return [each.name for each in policies]


def test_policies_of_files_in_their_order():
    found = sources(POLICY % ("b", "true"), SERVICE, POLICY % ("a", "true"))
    assert names(found.all_policies()) == ["b", "a"]
    assert names(found.policies(["a", "b"])) == ["a", "b"]
    assert found.policy("a") is found.policy("a")


def test_a_service_with_its_policies():
    found = sources(POLICY % ("b", "true"), SERVICE, POLICY % ("a", "true"))
    ruled = found.service("orders")
    assert ruled.facts == ServiceFacts("orders", {"env": "prod"})
    assert names(ruled.policies) == ["b", "a", "inline"]
    assert names(found.service("orders", ["a"]).policies) == ["a"]
    assert found.has_service("orders")
    assert not found.has_service("shop")


def test_what_no_file_has_is_asked_from_the_ca():
    asked = []

    def ask(kind, name):
        asked.append((kind, name))
        spec = {"connect": {"default": "DENY"}} if kind == "policy" else {}
        return {"spec": spec | ({"postgres": {"policies": ["p"]}} if kind == "service" else {})}

    found = Sources((), ask)
    assert names(found.service("shop").policies) == ["p"]
    assert names(found.policies(["p"])) == ["p"]
    assert asked == [("service", "shop"), ("policy", "p")]


def test_without_a_ca_that_is_an_error():
    with pytest.raises(NotFoundError, match="no file has the policy 'p'"):
        Sources().policy("p")


def test_a_wrong_policy_is_told_with_file_and_line():
    with pytest.raises(ManifestError, match=r"^f.yaml:7: spec.rules\[0\].condition is not|f.yaml"):
        sources(POLICY % ("a", "ctx.usr == ''")).policy("a")


def test_a_service_must_be_an_object():
    with pytest.raises(InvalidInputError, match="no object"):
        sources("kind: Service\nmetadata: {name: orders}\nspec: 7\n").service("orders")


def test_files_are_read_once_each(tmp_path):
    (tmp_path / "a.yaml").write_text(POLICY % ("a", "true"))
    (tmp_path / "b.yaml").write_text(POLICY % ("b", "true"))
    assert [each.name for each in read_files([str(tmp_path)])] == ["a", "b"]
    with pytest.raises(ManifestError, match="is in"):
        read_files([str(tmp_path), str(tmp_path / "a.yaml")])


GUARDED = """kind: Service
metadata: {name: orders}
spec:
  postgres:
    user: {USER}
    configs:
      admin: {user: {force: postgres}, protectRole: false}
      own: {user: {fromPerson: true}}
    rules:
      - {match: "ctx.user.name == 'root'", config: admin}
      - {match: "ctx.user.name == 'ann@example.com'", config: own}
"""


def guard(user, person="bob", role="", grants=()):
    ruled = sources(GUARDED.replace("{USER}", user)).service("orders")
    context = Context(User(person, grants=grants), ServiceFacts("orders"), Connect(user=role))
    return ruled.guard(context, datetime(2026, 11, 22, tzinfo=UTC))


def test_the_role_that_somebody_lands_as_is_guarded():
    assert guard("{force: app}", role="other") == RoleGuard("app")
    assert guard("{allow: [ro, rw], default: ro}") == RoleGuard("ro")
    assert guard("{allow: [ro, rw], default: ro}", role="rw") == RoleGuard("rw")
    assert guard("{allow: [ro, rw]}") is None
    assert guard("{fromPerson: true}") == RoleGuard("bob", own=True)
    assert guard("{fromPerson: true, allow: [ro]}", role="ro") == RoleGuard("ro")
    of_a_domain = "{fromPerson: true, stripDomain: example.com}"
    assert guard(of_a_domain, "bob@Example.com") == RoleGuard("bob", own=True)
    assert guard(of_a_domain) is None
    assert guard("{force: app}\n    protectRole: false") is None
    assert guard("{fromGrant: true}") is None
    assert guard("{fromGrant: true}", grants=("reading",)) == RoleGuard("bob", own=True)


def test_it_is_guarded_as_the_configuration_says_that_is_chosen():
    assert guard("{force: app}", "root") is None
    found = guard("{force: app}", "ann@example.com")
    assert found == RoleGuard("ann@example.com", own=True)


def test_without_a_service_none_is():
    ruled = Ruled(ServiceFacts("x"), ())
    context = Context(User("bob"), ServiceFacts("x"))
    assert ruled.guard(context, datetime(2026, 11, 22, tzinfo=UTC)) is None


SHUT = """kind: Service
metadata: {name: orders}
spec:
  allow: {users: [zoe], groups: [dba]}
  mode: MODE
"""


def shut(person, groups=(), method="certificate", more="", grants=()):
    ruled = sources(SHUT.replace("MODE", "postgres") + more).service("orders")
    user = User(person, groups, grants=grants)
    context = Context(user, ServiceFacts("orders"), session=Session(method=method))
    found = ruled.shut(context)
    return None if found is None else (found.allowed, found.rule)


def test_whom_the_service_leaves_out_no_rule_is_asked_about():
    assert shut("zoe") is shut("Zoe") is None
    assert shut("ann", ("staff", "dba")) is None
    assert shut("ann", ("staff",)) == (False, "allow")
    assert shut("ann", grants=("reading",)) is None
    assert (
        sources(SERVICE).service("orders", ()).shut(Context(User("x"), ServiceFacts("y"))) is None
    )


def test_by_a_way_that_is_closed_nobody_comes():
    block = "  postgres: {login: {certificate: false, otp: true}}\n"
    assert shut("zoe", more=block) == shut("zoe", method="tunnel", more=block) == (False, "login")
    assert shut("zoe", method="otp", more=block) is None
    assert shut("zoe", method="token", more=block) is None


def test_policies_mean_nothing_where_the_protocol_is_not_spoken():
    assert not sources(SHUT.replace("MODE", "tcp")).service("orders").is_ruled
    assert sources(SHUT + "  postgres: {login: {otp: true}}\n").service("orders").is_ruled
    assert Ruled(ServiceFacts("orders"), ()).is_ruled
