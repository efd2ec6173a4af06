import json

from pgward.hba.check.report import json_
from tests.fixtures.hba_reports import report


def test_all_findings_with_their_facts() -> None:
    made = json_.document(report())
    assert (made["pg_version"], made["failed"]) == (16, True)
    assert made["counts"] == {"error": 1, "warning": 1, "note": 1, "ignored": 1}
    assert made["findings"][0] == {
        "rule": "HBA001",
        "name": "refused-hba-line",
        "severity": "error",
        "message": "no <such> & thing",
        "file": "/etc/pg/hba é",
        "line": 3,
        "column": 5,
        "ignored": None,
        "fix": None,
    }
    assert (made["findings"][1]["column"], made["findings"][1]["ignored"]) == (None, "it is mine")
    assert made["findings"][3]["file"] is None


def test_it_can_be_written() -> None:
    assert json.dumps(json_.document(report()), ensure_ascii=False).encode()
