"""A ruling and what it says."""

from pgward.tunnel.aware.ruling import Denial, Ruling
from tests.fixtures.inspecting import DENIAL, Rules


def test_a_denial_is_a_rule_and_a_reason():
    assert Denial(rule="no deletes", reason="nothing is deleted on a Friday") == DENIAL


def test_whatever_has_the_method_is_a_ruling():
    rules = Rules()
    ruling: Ruling = rules
    assert ruling.statement("query", b"delete", whole=True) == DENIAL
    assert ruling.statement("execute", None, whole=True) is None
    ruling.parameter_status("client_encoding", "UTF8")
    assert rules.settings == [("client_encoding", "UTF8")]
