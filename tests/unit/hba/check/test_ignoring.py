from pgward.hba.check.catalogue import check
from pgward.hba.check.rule import Example
from tests.fixtures.hba_examples import subject_of


def found(hba: str, **more: str) -> list[tuple[str, str, str | None]]:
    subject = subject_of(Example(hba, **more))
    rules = ("HBA001", "HBA002", "HBA003", "HBA090", "HBA091")
    return [
        (each.rule, str(each.place), each.ignored) for each in check(subject) if each.rule in rules
    ]


def test_a_finding_keeps_the_reason_why_it_is_ignored() -> None:
    assert found("nonsense # pgward-ignore HBA001: so\nnonsense\n") == [
        ("HBA001", "/hba:1:1", "so"),
        ("HBA001", "/hba:2:1", None),
    ]
    assert found("# pgward-ignore HBA001: so\nhost all \\\nall a.b nonsense\n") == [
        ("HBA001", "/hba:3:9", "so")
    ]


def test_in_the_other_files() -> None:
    assert found("local all all peer", ident="m # pgward-ignore HBA002: so") == [
        ("HBA002", "/ident:1:2", "so")
    ]
    assert found("local all all peer", conf="# pgward-ignore HBA003: so\nssl on on") == [
        ("HBA003", "/conf:2:8", "so")
    ]


def test_without_a_reason_nothing_is_ignored() -> None:
    for comment in ("HBA001", "HBA001:", "all: mine"):
        assert found(f"nonsense # pgward-ignore {comment}") == [
            ("HBA090", "/hba:1", None),
            ("HBA001", "/hba:1:1", None),
        ]


def test_an_ignore_of_nothing() -> None:
    assert found("local all all peer # pgward-ignore HBA001: so") == [("HBA091", "/hba:1", None)]
    assert found("nonsense # pgward-ignore HBA001, HBA002: so") == [
        ("HBA091", "/hba:1", None),
        ("HBA001", "/hba:1:1", "so"),
    ]


def test_what_is_said_of_them() -> None:
    text = "local all all peer # pgward-ignore HBA001, HBA999: so\n# pgward-ignore x\n"
    said = [e.message for e in check(subject_of(Example(text))) if e.rule in {"HBA090", "HBA091"}]
    assert said == [
        "HBA001 is not found there",
        "there is no rule HBA999",
        "names no rule: write pgward-ignore HBA010: reason",
    ]


def test_two_comments_for_one_finding_are_both_used() -> None:
    text = "# pgward-ignore HBA001: a\nnonsense # pgward-ignore HBA001: b"
    assert found(text) == [("HBA001", "/hba:2:1", "a")]


def test_a_rule_that_could_not_look_may_be_ignored() -> None:
    text = "hostssl all all all cert # pgward-ignore HBA012: the tests' server"
    assert found(text) == []
    assert found(text, conf="ssl = on") == [("HBA091", "/hba:1", None)]
