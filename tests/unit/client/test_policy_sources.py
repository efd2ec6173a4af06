import pytest

from pgward.client.manifest import ManifestError, read_text
from pgward.client.policy_sources import Sources, read_files
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.policy.context import ServiceFacts

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
