import pytest

from pgward.client.audit_records import said

BEGUN = {"type": "SESSION_START", "role": "app", "database": "shop"}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({}, ""),
        (BEGUN, "as app in shop"),
        (BEGUN | {"details": {"reason": "an incident"}}, "as app in shop: an incident"),
        ({"type": "FUNCTION_CALL", "function": 7}, "function 7"),
        ({"type": "RECORDING", "piece": 2}, "piece 2"),
        ({"type": "QUERY", "text": "select 1", "message": "no"}, "select 1"),
        ({"type": "DENIED", "text": "", "message": "not you"}, "not you"),
        ({"type": "NOTICE", "details": {"notice": "cut"}}, "cut"),
    ],
)
def test_a_record_says_what_it_is_about(record, expected):
    assert said(record) == expected
