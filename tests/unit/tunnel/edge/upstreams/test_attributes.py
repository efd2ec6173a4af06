import pytest

from pgward.core.address import Address
from pgward.tunnel.edge.upstreams import attributes
from pgward.tunnel.edge.upstreams.attributes import DEMOTED_SECONDS, Memory

A, B, C = (Address(name, 5432) for name in "abc")
PRIMARY = {"in_hot_standby": "off", "default_transaction_read_only": "off"}
STANDBY = {"in_hot_standby": "on", "default_transaction_read_only": "off"}
FROZEN = {"in_hot_standby": "off", "default_transaction_read_only": "on"}


@pytest.mark.parametrize(
    ("wanted", "primary", "standby", "frozen"),
    [
        ("any", True, True, True),
        ("read-write", True, False, False),
        ("read-only", False, True, True),
        ("primary", True, False, True),
        ("standby", False, True, False),
    ],
)
def test_what_servers_report_is_enough_from_version_14_on(wanted, primary, standby, frozen):
    for parameters, right in ((PRIMARY, primary), (STANDBY, standby), (FROZEN, frozen)):
        assert attributes.question(wanted, parameters) is None
        assert (attributes.wrong(wanted, parameters, None) is None) == right


@pytest.mark.parametrize(
    ("wanted", "question", "answer", "problem"),
    [
        ("read-write", "SHOW transaction_read_only", "off", None),
        ("read-write", "SHOW transaction_read_only", "on", "it is read-only"),
        ("read-only", "SHOW transaction_read_only", "off", "it is not read-only"),
        ("primary", "SELECT pg_catalog.pg_is_in_recovery()", "f", None),
        ("primary", "SELECT pg_catalog.pg_is_in_recovery()", "t", "it is a standby"),
        ("standby", "SELECT pg_catalog.pg_is_in_recovery()", "f", "it is no standby"),
    ],
)
def test_older_servers_are_asked(wanted, question, answer, problem):
    assert attributes.question(wanted, {}) == question
    assert attributes.wrong(wanted, {}, answer) == problem


def test_whether_standbys_are_preferred_is_asked_in_two_rounds():
    assert attributes.passes("prefer-standby") == ("standby", "any")
    assert attributes.passes("read-write") == ("read-write",)


def test_servers_are_tried_in_order_those_that_failed_last():
    memory = Memory()
    assert memory.order([A, B, C], "any", 0) == [A, B, C]
    memory.failed(A, 0)
    assert memory.order([A, B, C], "any", 1) == [B, C, A]
    assert memory.order([A, B, C], "any", DEMOTED_SECONDS) == [A, B, C]


def test_what_is_wrong_for_one_is_right_for_another():
    memory = Memory()
    memory.was_wrong(A, "read-write", 0)
    assert memory.order([A, B], "read-write", 1) == [B, A]
    assert memory.order([A, B], "standby", 1) == [A, B]


def test_a_server_that_is_right_again_is_tried_in_its_turn():
    memory = Memory()
    memory.failed(A, 0)
    memory.was_wrong(A, "primary", 0)
    memory.was_right(A, "primary")
    assert memory.order([A, B], "primary", 1) == [A, B]


def test_what_is_long_over_is_forgotten():
    memory = Memory()
    memory.failed(A, 0)
    memory.failed(B, DEMOTED_SECONDS)
    assert set(memory._until) == {(B, None)}
