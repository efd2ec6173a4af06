"""Chains in the store; how chunks are refused stands in test_edge_audit.py."""

from dataclasses import replace

from pgward.audit.chain.head import Head
from pgward.ca.archive import chains
from tests.fixtures.authority import START
from tests.fixtures.chunks import CHAIN, record
from tests.fixtures.records import packed
from tests.fixtures.records import record as plain


def test_a_chain_that_is_unknown_stands_at_its_origin(store):
    with store.read() as connection:
        assert chains.head(connection, "e1", CHAIN) == Head.origin(CHAIN)
        assert chains.every(connection) == []


def test_chains_of_edges(archived):
    archived.add(record(1), record(2))
    archived.add(record(3))
    archived.add(record(1, edge="e2"), edge="e2")
    with archived.store.read() as connection:
        assert chains.head(connection, "e1", CHAIN) == archived.heads["e1", CHAIN]
        found = [
            (each["edge"], each["first_seq"], each["head_seq"]) for each in chains.every(connection)
        ]
        assert sorted(found) == [("e1", 1, 3), ("e2", 1, 1)]
        (only,) = chains.every(connection, "e2")
        assert (only["edge"], only["gaps"]) == ("e2", [])
        (former,) = chains.others(connection, "e1")
        assert former == archived.heads["e1", CHAIN].to_json()


def test_gaps_stand_with_their_chain(archived):
    archived.add(record(1))
    _, head = packed([plain(1), plain(2), plain(3)])
    chunk, _ = packed([plain(4)], head)
    with archived.store.write() as transaction:
        about = chunk.manifest
        assert chains.note_gap(transaction, replace(about, edge="e1"), START) == (2, 3)
    with archived.store.read() as connection:
        assert chains.every(connection)[0]["gaps"] == [[2, 3]]


def test_services_that_an_edge_told_of(archived):
    archived.add(record(1), record(2, service="books"))
    with archived.store.read() as connection:
        assert chains.sources(connection, "e1", {"orders", "books", "x"}) == {"orders", "books"}
        assert chains.sources(connection, "e2", {"orders"}) == set()
