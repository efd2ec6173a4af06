from typing import get_type_hints

from pgward.audit.records import fields


def test_every_record_says_what_and_when():
    assert fields.Record.__required_keys__ == {"id", "type", "time"}


def test_what_a_session_repeats_are_fields_of_a_record():
    assert set(fields.SESSION_FIELDS) <= get_type_hints(fields.Record).keys()
