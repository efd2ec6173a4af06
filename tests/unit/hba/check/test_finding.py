from pgward.hba.check.finding import Severity


def test_severities_have_an_order() -> None:
    assert sorted(Severity, key=lambda each: each.rank) == ["note", "warning", "error"]
