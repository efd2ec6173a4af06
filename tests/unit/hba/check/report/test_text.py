from pgward.hba.check.catalogue import BY_ID
from pgward.hba.check.report import text
from tests.fixtures.hba_reports import report

LINES = [
    "/etc/pg/hba é:3:5: error HBA001: no <such> & thing",
    "/elsewhere/a:b\\xfe:1: warning HBA011: \\x1b[1m\\xff\uffff",
    "note HBA091: nothing there",
    "1 error, 1 warning, 1 note, 1 ignored",
]


def test_a_line_for_each_and_how_many() -> None:
    assert text.write(report()).splitlines() == LINES


def test_with_the_reasons() -> None:
    lines = text.write(report(), why=True).splitlines()
    assert lines[::2] == [*LINES[:3], LINES[3]]
    assert lines[1] == f"    {BY_ID['HBA001'].why}"
