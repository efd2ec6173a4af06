"""The requirements of the specification (OASIS SARIF 2.1.0) are checked by its section numbers."""

from typing import Any

import pytest

from pgward.hba.check.catalogue import RULES
from pgward.hba.check.report import sarif
from tests.fixtures.hba_reports import report

LEVELS = {"none", "note", "warning", "error"}


@pytest.fixture
def log() -> dict[str, Any]:
    return sarif.document(report(), program_version="0.1", directory="/etc/pg")


@pytest.fixture
def run(log) -> dict[str, Any]:
    (run,) = log["runs"]
    return run


def test_the_log(log) -> None:
    assert log["version"] == "2.1.0"  # 3.13.2
    assert set(log) == {"$schema", "version", "runs"}


def test_the_tool_and_its_rules(run) -> None:
    driver = run["tool"]["driver"]  # 3.14.6, 3.18.2
    assert (driver["name"], driver["version"]) == ("pgward hba check", "0.1")  # 3.19.8, 3.19.13
    assert [each["id"] for each in driver["rules"]] == [rule.id for rule in RULES]  # 3.49.3
    for each in driver["rules"]:
        assert each["name"].isalnum()
        assert each["shortDescription"]["text"]  # 3.12.3
        assert each["fullDescription"]["text"]
        assert each["defaultConfiguration"]["level"] in LEVELS  # 3.50.3


def test_each_result(run) -> None:
    rules = run["tool"]["driver"]["rules"]
    for each in run["results"]:
        assert rules[each["ruleIndex"]]["id"] == each["ruleId"]  # 3.27.6
        assert each["level"] in LEVELS  # 3.27.10
        assert each["message"]["text"].encode()  # 3.11.8


def test_places(run) -> None:
    assert run["columnKind"] == "unicodeCodePoints"  # 3.14.17
    below, whole_line, elsewhere, nowhere = run["results"]
    assert below["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "hba%20%C3%A9"},
                "region": {"startLine": 3, "startColumn": 5},
            }
        }
    ]
    assert whole_line["locations"][0]["physicalLocation"]["region"] == {"startLine": 9}
    artifact = elsewhere["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact == {"uri": "file:///elsewhere/a%3Ab%FE"}
    assert "locations" not in nowhere


def test_what_comments_ignore(run) -> None:
    suppressions = [each.get("suppressions") for each in run["results"]]
    ignored = [{"kind": "inSource", "justification": "it is mine"}]  # 3.35.2, 3.35.4
    assert suppressions == [None, ignored, None, None]


@pytest.mark.parametrize(
    ("path", "directory", "uri"),
    [
        ("hba", "/d", "hba"),
        ("./x/../hba", "/d", "hba"),
        ("../hba", "/d", "file:///hba"),
        ("/dd/hba", "/d", "file:///dd/hba"),
        ("/d/hba", "/", "d/hba"),
    ],
)
def test_names_of_files(path, directory, uri) -> None:
    assert sarif._uri(path, directory) == uri
