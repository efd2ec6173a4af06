import pytest

from pgward.audit.records.tags import FORGETTING, read_tag


@pytest.mark.parametrize(
    ("tag", "told"),
    [
        (b"SELECT 12", ("SELECT 12", 12)),
        (b"INSERT 0 3", ("INSERT 0 3", 3)),
        (b"BEGIN", ("BEGIN", -1)),
        (b"", ("", -1)),
        (b"x \xff", ("x \ufffd", -1)),
        (b"SELECT 9999999999999999999", ("SELECT 9999999999999999999", 9999999999999999999)),
        (b"SELECT 99999999999999999999", ("SELECT 99999999999999999999", -1)),
        ("SELECT \u0661".encode(), ("SELECT \u0661", 1)),
        ("SELECT \u00b2".encode(), ("SELECT \u00b2", -1)),
    ],
)
def test_a_tag_tells_a_number_of_rows_or_none(tag, told):
    assert read_tag(tag) == told


def test_statements_are_forgotten_by_three_commands():
    assert sorted(FORGETTING) == [
        *("CLOSE CURSOR", "CLOSE CURSOR ALL", "DEALLOCATE", "DEALLOCATE ALL", "DISCARD ALL"),
    ]
