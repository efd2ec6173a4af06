"""10,000 people, 1,000 services and 100,000 live grants: what an edge and the CA take for them."""

import time

import pytest

from bench.micro import grants
from pgward.ca import snapshot_builder
from pgward.ca.authority import Trust
from pgward.ca.snapshot_builder import State
from pgward.ca.snapshot_grants import GrantBook
from tests.fixtures.authority import START

pytestmark = [pytest.mark.integration, pytest.mark.soak]


def test_a_decision_stays_fast_and_a_change_small(store):
    grants.fill(store, START)
    book = GrantBook()
    with store.read() as connection:
        before = book.read(connection, START)
    assert sum(len(each.people) for each in before.values()) == grants.GRANTS
    grants.end_one(store)
    begin = time.monotonic()
    with store.read() as connection:
        packed = book.read(connection, START)
    assert time.monotonic() - begin < 0.5
    assert sum(packed[name] is not before[name] for name in packed) == 1
    groups = {f"group-{number}": [] for number in range(200)}
    known = State(1, grants.specs(), groups, {}, [], [], Trust("", (), (), ()), grants=packed)
    payload = snapshot_builder.build(known, "edge1", now=START)
    assert len(str(payload["services"])) < 4_000_000
    took = grants.decisions(grants.edge_state(payload, START), START)
    assert took[len(took) * 99 // 100] < 1_000  # microseconds
