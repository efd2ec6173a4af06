"""A million records in the archive: what a search reads, and what it holds in memory."""

import time
import tracemalloc

import pytest

from pgward.ca.archive.index import Wanted
from pgward.ca.archive.matching import Text
from tests.fixtures.chunks import record

pytestmark = [pytest.mark.integration, pytest.mark.soak]
RECORDS = 1_000_000
A_CHUNK = 2000
MIB = 1024 * 1024


@pytest.fixture
def filled(archived):
    for first in range(0, RECORDS, A_CHUNK):
        user = f"user{first // A_CHUNK % 40}"
        made = [
            record(number / 1000, user=user, session=f"s{first}", statement=number, type="EXECUTE")
            for number in range(first, first + A_CHUNK)
        ]
        if first == RECORDS // 2:
            made[0] |= {"type": "DENIED", "text": "drop table accounts"}
        archived.add(*made)
    return archived


def test_a_search_reads_no_more_than_it_must(filled):
    search = filled.search(seconds=600)

    def run(text=None, limit=100, **wanted):
        began = time.process_time()
        page = search.page(Wanted(**wanted), text or Text(), limit=limit)
        return len(page.lines), page.chunks, time.process_time() - began

    assert run(type="DENIED")[:2] == (1, 1)
    assert run(session="s4000", limit=1000)[:2] == (1000, 1)
    assert run(user="user7")[:2] == (100, 2)
    assert run(user="user7", text=Text("drop"))[:2] == (0, 13)
    found, chunks, seconds = run(text=Text("drop table"))
    assert (found, chunks) == (1, RECORDS // A_CHUNK)
    assert seconds < 10  # 0.9 on the machine where it was written
    found, _, seconds = run(text=Text(regex=r"drop\s+table"))
    assert found == 1
    assert seconds < 40  # 4.9


def test_a_search_holds_little(filled):
    search = filled.search(seconds=600)
    tracemalloc.start()
    try:
        search.page(Wanted(), Text("select"), limit=1000, newest=False)
        search.page(Wanted(), Text("nothing like this"), limit=1000)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 32 * MIB  # 6
