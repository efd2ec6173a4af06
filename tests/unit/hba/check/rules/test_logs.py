import pytest

from pgward.hba.check.catalogue import BY_ID
from pgward.hba.check.fix import Edit
from pgward.hba.check.rule import Example
from tests.fixtures.hba_examples import subject_of


def found(rule: str, conf: str | None, version: int = 16) -> list[str]:
    subject = subject_of(Example(conf=conf, version=version))
    return [f"{place}: {message}" for place, message, *_ in BY_ID[rule].look(subject)]


@pytest.mark.parametrize(
    ("version", "conf", "said"),
    [
        (16, None, []),
        (16, "port = 1", ["None: log_connections is off"]),
        (16, "log_connections = off", ["/conf:1:1: log_connections is 'off'"]),
        (16, "log_connections = Tr", []),
        (18, "log_connections = 'receipt, Authentication, authorization'", []),
        (
            18,
            "log_connections = authentication",
            ["/conf:1:1: log_connections is 'authentication', without authorization"],
        ),
        (18, "log_connections = all", []),
        (18, "log_connections = Yes", []),
        (
            18,
            "log_connections = receipt",
            ["/conf:1:1: log_connections is 'receipt', without authentication and authorization"],
        ),
        (18, "log_connections = ''", ["/conf:1:1: log_connections is ''"]),
        (17, "log_connections = all", ["/conf:1:1: log_connections is 'all'"]),
    ],
)
def test_who_logged_in(version, conf, said) -> None:
    assert found("HBA050", conf, version) == said


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ("log_statement = none", []),
        ("log_statement = 'MOD'", ["/conf:1:1: log_statement is MOD"]),
        ("log_statement = all\nlog_statement = none", []),
        (
            "log_min_duration_statement = 0",
            ["/conf:1:1: log_min_duration_statement is 0, so every statement is written"],
        ),
        ("log_min_duration_statement = 250ms", []),
    ],
)
def test_passwords_in_the_log(conf, said) -> None:
    assert found("HBA051", conf) == said


@pytest.mark.parametrize(
    ("version", "value", "fixed"),
    [
        (16, "off", "on"),
        (16, "'receipt'", "on"),
        (18, "off", "on"),
        (18, "''", "on"),
        (18, "receipt", "'receipt,authentication,authorization'"),
        (18, "'Authorization, setup_durations'", "'authorization,setup_durations,authentication'"),
    ],
)
def test_what_is_lacking_is_added(version, value, fixed) -> None:
    subject = subject_of(Example(conf=f"log_connections = {value}", version=version))
    (finding,) = BY_ID["HBA050"].findings(subject)
    assert isinstance(finding.fix, Edit)
    assert finding.fix.text == fixed.encode()
    mended = Example(conf=f"log_connections = {fixed}", version=version)
    assert list(BY_ID["HBA050"].findings(subject_of(mended))) == []
