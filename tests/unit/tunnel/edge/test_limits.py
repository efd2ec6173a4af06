import os
import sys
from dataclasses import replace

import pytest

from pgward.tunnel.edge.limits import Allowance, Descriptors, Limits, no_descriptors
from pgward.tunnel.preface import Reason, RefusedError
from tests.fixtures.session_bench import ORDERS

LIMITED = replace(ORDERS, max_connections=3, max_connections_per_user=2)


def test_limits_by_person_and_by_service():
    limits = Limits()
    limits.enter(LIMITED, "alice")
    limits.enter(LIMITED, "alice")
    with pytest.raises(RefusedError, match="you use 2 of 2 connections") as caught:
        limits.enter(LIMITED, "alice")
    assert caught.value.reason is Reason.LIMIT
    limits.enter(LIMITED, "bob")
    with pytest.raises(RefusedError, match="orders has all its 3 connections"):
        limits.enter(LIMITED, "carol")
    limits.leave("orders", "alice")
    limits.enter(LIMITED, "carol")


def test_a_refusal_counts_nobody():
    limits = Limits()
    none = replace(ORDERS, max_connections=0)
    for _ in range(3):
        with pytest.raises(RefusedError):
            limits.enter(none, "alice")
    assert (limits.by_service["orders"], limits.by_user) == (0, {})


def test_limits_are_of_one_service_each():
    limits = Limits()
    for name in ("orders", "billing"):
        limits.enter(replace(LIMITED, name=name, max_connections=1), "alice")
    limits.leave("orders", "alice")
    assert limits.by_user == {("billing", "alice"): 1}


def test_a_service_without_limits():
    limits = Limits()
    for _ in range(1000):
        limits.enter(ORDERS, "alice")
    assert limits.by_service["orders"] == 1000


def test_so_many_at_once_and_so_many_a_second():
    allowance = Allowance(3, a_second=2.0)
    assert [allowance.take(100.0) for _ in range(5)] == [True, True, True, False, False]
    assert [allowance.take(100.5) for _ in range(2)] == [True, False]
    assert [allowance.take(99.0) for _ in range(1)] == [False]
    assert [allowance.take(200.0) for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize(
    ("limit", "most"), [(100, 75), (1024, 896), (65536, 65408), (sys.maxsize, sys.maxsize - 128)]
)
def test_some_descriptors_are_kept(limit, most):
    assert Descriptors.of_limit(limit).most == most


def test_descriptors_are_short_when_the_next_one_would_be_one_of_those_kept():
    reader, writer = os.pipe()
    free = os.dup(reader)
    os.close(free)
    assert not Descriptors().are_short(reader)
    # Other threads of a test run may open some meanwhile, and none is below.
    assert Descriptors(min(free, reader)).are_short(reader)
    os.close(reader)
    os.close(writer)
    assert Descriptors().are_short(reader)


def test_why_nobody_more_can_come():
    refusal = no_descriptors()
    assert (refusal.reason, refusal.sqlstate) == (Reason.LIMIT, "53300")
