import json

from pgward.audit.chain.encoding import encode
from pgward.audit.chain.written import About, id_of, record_in
from tests.fixtures.records import record

WRITTEN = (encode(record(7)), 7, About("alice", "orders", "0123456789abcdef-17"))


def test_what_was_written_can_be_read():
    assert record_in(WRITTEN) == record(7)
    assert json.loads(WRITTEN[0]) == record(7)


def test_every_record_has_its_id():
    assert id_of(WRITTEN) == id_of(record(7)) == "0123456789abcdef-7"
