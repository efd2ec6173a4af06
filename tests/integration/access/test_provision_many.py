"""A database with 5,000 tables is put right in seconds."""

import time

import pytest

from pgward.access.rights import ObjectRights, Rights
from tests.fixtures.access_server import BUNDLES, AccessServer, grant
from tests.fixtures.rights import all_rights

TABLES = 5_000
MOST_SECONDS = 30


@pytest.mark.soak
def test_thousands_of_tables_take_seconds(server: AccessServer) -> None:
    server.run(
        "alter system set max_locks_per_transaction = 64",
        "do $$ begin for i in 1..5000 loop execute format('create table billing.t%s (id int)', i); "
        "execute format('alter table billing.t%s owner to app', i); "
        "if i % 500 = 0 then commit; end if; end loop; end $$",
    )
    before = all_rights(server.cluster)
    rights = Rights(
        objects=frozenset(
            {
                ObjectRights(server.shop, "schema", "", "billing", ("USAGE",)),
                ObjectRights(
                    server.shop,
                    "table",
                    "billing",
                    "*",
                    ("SELECT", "INSERT", "UPDATE"),
                    future=True,
                ),
            }
        )
    )
    BUNDLES["reading"] = rights
    grants = [
        grant("alice", rights),
        *(grant(f"p{each}", bundles=frozenset({"reading"})) for each in range(100)),
    ]
    took: dict[str, float] = {}
    for name, wants in (("give", grants), ("look", grants), ("take", [])):
        begun = time.monotonic()
        made = server.reconcile(*wants)
        took[name] = time.monotonic() - begun
        assert (made.failed, made.left) == ({}, frozenset())
    assert sum(took.values()) < MOST_SECONDS, took
    assert all_rights(server.cluster) == before
