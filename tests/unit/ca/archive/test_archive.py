from pgward.ca.archive import archive
from pgward.ca.archive.index import Wanted
from pgward.ca.archive.matching import Text
from pgward.ca.identity import machines
from pgward.ca.records import Kind
from tests.fixtures.chunks import Teller, record


def test_what_comes_in_is_found(api, edge, objects, sql_authority):
    made = archive.make(api.store, objects, sql_authority)
    with api.store.read() as connection:
        e1 = machines.get(connection, Kind.EDGE, "e1")
    made.intake.take(e1, Teller(edge).pack(record(1)))
    assert len(made.search.page(Wanted(), Text()).lines) == 1
    made.close()
