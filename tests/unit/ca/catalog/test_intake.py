from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.access.catalog import Piece, Thing, pieces
from pgward.ca.catalog import intake, searching
from pgward.ca.catalog.intake import MOST_PIECES, DatabaseScan, Scan
from pgward.ca.catalog.searching import ObjectFilter, Tagging
from pgward.ca.store.schema_catalog import (
    catalog_grants,
    catalog_objects,
    catalog_pieces,
    catalog_roles,
    catalog_scans,
)
from pgward.core.errors import InvalidInputError
from tests.fixtures.authority import START
from tests.fixtures.catalogs import SERVER, SHOP, deliver

LATER = START + timedelta(hours=1)


def names(store, integration="shop-db"):
    with store.read() as connection:
        found = searching.objects(connection, integration, ObjectFilter(), Tagging(), limit=1000)
    return [f"{row['database']}/{row['schema']}/{row['name']}" for row in found]


def scan_of(store, integration="shop-db"):
    with store.read() as connection:
        return searching.scans(connection, integration)[0]


def test_a_scan_is_seen_once_all_of_it_is_here(store):
    [piece] = pieces("shop", [each.line() for each in SHOP])
    scan = Scan("shop-db", START, 0.5, 16, {"shop": DatabaseScan((piece.digest,))})
    with store.write() as transaction:
        assert intake.offer(transaction, scan, START) == [piece.digest]
        assert intake.take(transaction, "shop-db", piece, START)
    assert names(store) == []

    with store.write() as transaction:
        assert intake.offer(transaction, scan, START) == []

    assert names(store) == [
        "shop/billing/",
        "shop/billing/Bills_100%",
        "shop/billing/cards",
        "shop/public/",
        "shop/public/add",
        "shop/public/news",
    ]


def test_what_is_here_is_not_wanted_again(store):
    assert len(deliver(store, {"": SERVER, "shop": SHOP})) == 2
    assert deliver(store, {"": SERVER, "shop": SHOP}, now=LATER) == []
    assert len(deliver(store, {"": SERVER, "shop": SHOP[:3]}, now=LATER)) == 1
    assert names(store) == ["shop//", "shop/billing/", "shop/billing/cards", "shop/public/"]


def test_a_piece_is_taken_once(store):
    [piece] = pieces("shop", [each.line() for each in SHOP])
    with store.write() as transaction:
        assert intake.take(transaction, "shop-db", piece, START)
        assert not intake.take(transaction, "shop-db", piece, START)


def test_how_the_scan_went_is_told(store):
    deliver(store, {"": SERVER, "shop": SHOP, "locked": []}, problems={"locked": "no right"})

    assert scan_of(store) == {
        "integration": "shop-db",
        "taken_at": START,
        "received_at": START,
        "seconds": 0.5,
        "server_version": 16,
        "databases": {"shop": None, "locked": "no right"},
        "counts": {"database": 1, "function": 1, "role": 5, "schema": 2, "table": 3},
        "failed_at": None,
        "failure": None,
        "asked_at": None,
        "asked_by": None,
    }


def test_a_database_that_could_not_be_read_stays_as_it_was(store):
    deliver(store, {"": SERVER, "shop": SHOP})
    before = names(store)

    deliver(store, {"": SERVER, "shop": []}, problems={"shop": "timed out"}, now=LATER)

    assert names(store) == before
    assert scan_of(store)["databases"] == {"shop": "timed out"}


def test_a_database_that_is_gone_goes(store):
    deliver(store, {"": SERVER, "shop": SHOP})

    deliver(store, {"": SERVER})

    assert names(store) == ["shop//"]


def test_a_look_that_failed_changes_nothing_that_is_known(store):
    deliver(store, {"": SERVER, "shop": SHOP})
    before = names(store)
    with store.write() as transaction:
        intake.failed(transaction, "shop-db", "the server is away", LATER)

    assert names(store) == before
    assert (scan_of(store)["taken_at"], scan_of(store)["failed_at"]) == (START, LATER)
    deliver(store, {"": SERVER, "shop": SHOP}, now=LATER)
    assert scan_of(store)["failure"] is None


def test_a_first_look_may_fail(store):
    with store.write() as transaction:
        intake.failed(transaction, "shop-db", "the server is away", START)

    assert scan_of(store)["failure"] == "the server is away"
    assert scan_of(store)["taken_at"] is None


def test_somebody_asks_for_a_look_and_the_connector_hears_of_it(store):
    before = store.version()
    with store.write() as transaction:
        intake.ask(transaction, "shop-db", LATER, "alice")

    assert store.version() > before
    with store.read() as connection:
        assert intake.asked_at(connection, "shop-db") == LATER
        assert intake.asked_at(connection, "other") is None


def test_integrations_are_apart_and_one_is_forgotten_whole(store):
    deliver(store, {"": SERVER, "shop": SHOP})
    deliver(store, {"": SERVER, "shop": SHOP}, integration="other")

    with store.write() as transaction:
        intake.forget(transaction, "shop-db")

    assert names(store) == []
    assert len(names(store, "other")) == 7
    with store.write() as transaction:
        intake.forget(transaction, "other")
    with store.read() as connection:
        for table in (
            catalog_scans,
            catalog_pieces,
            catalog_objects,
            catalog_grants,
            catalog_roles,
        ):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0


def test_a_catalog_has_so_many_pieces_at_most(store):
    digests = tuple(f"{number:064x}" for number in range(MOST_PIECES + 1))
    scan = Scan("shop-db", START, 1, 16, {"shop": DatabaseScan(digests)})

    with pytest.raises(InvalidInputError, match="at most"), store.write() as transaction:
        intake.offer(transaction, scan, START)


def test_pieces_that_no_list_has_do_not_pile_up(store, monkeypatch):
    monkeypatch.setattr(intake, "MOST_PIECES", 1)
    with store.write() as transaction:
        for number in range(2):
            piece = Piece("shop", (Thing("table", "s", f"t{number}").line(),))
            intake.take(transaction, "shop-db", piece, START)
        with pytest.raises(InvalidInputError, match="no list has"):
            intake.take(transaction, "shop-db", Piece("shop", ()), START)


def test_a_piece_that_cannot_be_read_is_not_kept(store):
    with pytest.raises(InvalidInputError), store.write() as transaction:
        intake.take(transaction, "shop-db", Piece("shop", (b"{}",)), START)
