import pytest

from pgward.hba.check.finding import Severity
from pgward.hba.check.report.made import Report, shown, where
from tests.fixtures.hba_reports import IGNORED, NOWHERE, ODD, REFUSED, report


@pytest.mark.parametrize(
    ("fail_on", "failing"),
    [
        (None, []),
        (Severity.ERROR, [REFUSED]),
        (Severity.WARNING, [REFUSED, ODD]),
        (Severity.NOTE, [REFUSED, ODD, NOWHERE]),
    ],
)
def test_what_fails(fail_on, failing) -> None:
    made = report(fail_on)
    assert [each for each in made.findings if made.fails(each)] == failing
    assert made.failed == bool(failing)
    assert not Report([IGNORED], [], 16, Severity.NOTE).failed


def test_how_many_there_are() -> None:
    assert list(report().counts().items()) == [
        ("error", 1),
        ("warning", 1),
        ("note", 1),
        ("ignored", 1),
    ]


def test_where_and_what_is_shown() -> None:
    assert where(REFUSED) == "/etc/pg/hba é:3:5: "
    assert where(NOWHERE) == ""
    assert shown("é\x1b\udcff") == "é\\x1b\\xff"
