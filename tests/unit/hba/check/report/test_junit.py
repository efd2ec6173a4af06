from xml.etree import ElementTree as ET

from pgward.hba.check.catalogue import RULES
from pgward.hba.check.finding import Severity
from pgward.hba.check.report import junit
from tests.fixtures.hba_reports import report


def suite(fail_on: Severity | None = Severity.ERROR) -> ET.Element:
    return ET.fromstring(junit.write(report(fail_on)).encode())


def test_a_case_for_each_rule() -> None:
    made = suite()
    cases = made.findall("testcase")
    assert [each.get("name").split()[0] for each in cases] == [rule.id for rule in RULES]
    counts = {"tests": str(len(RULES)), "failures": "1", "errors": "0"}
    assert {name: made.get(name) for name in counts} == counts


def test_what_fails_and_what_is_only_said() -> None:
    by_rule = {each.get("name").split()[0]: each for each in suite()}
    failure = by_rule["HBA001"].find("failure")
    assert failure.text == "/etc/pg/hba é:3:5: no <such> & thing"
    assert (failure.get("type"), "pg_hba.conf" in failure.get("message")) == ("error", True)
    ignored = by_rule["HBA001"].find("system-out").text
    assert ignored == "/etc/pg/hba é:9: the same (ignored: it is mine)"
    assert by_rule["HBA011"].find("failure") is None
    assert (
        by_rule["HBA011"]
        .find("system-out")
        .text.endswith(": \\x1b[1m\\xff\N{REPLACEMENT CHARACTER}")
    )
    assert len(by_rule["HBA012"]) == 0


def test_failures_follow_what_fails() -> None:
    assert [suite(each).get("failures") for each in (None, Severity.NOTE)] == ["0", "3"]
