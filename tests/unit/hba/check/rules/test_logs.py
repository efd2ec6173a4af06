import pytest

from pgward.hba.check.catalogue import BY_ID
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
        (18, "log_connections = 'receipt, Authentication'", []),
        (18, "log_connections = all", []),
        (18, "log_connections = receipt", ["/conf:1:1: log_connections is 'receipt'"]),
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
