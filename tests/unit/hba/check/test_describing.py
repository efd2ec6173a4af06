import pytest

from pgward.hba.check import describing
from pgward.hba.check.catalogue import BY_ID, RULES
from pgward.hba.check.rule import Example


@pytest.mark.parametrize(
    ("example", "names"),
    [
        (Example(), ["pg_hba.conf"]),
        (Example(conf="ssl = on"), ["postgresql.conf"]),
        (Example("local all all md5\n", conf="ssl = on"), ["pg_hba.conf", "postgresql.conf"]),
        (Example(ident="m a b"), ["pg_hba.conf", "pg_ident.conf"]),
        (Example(""), []),
    ],
)
def test_the_files_that_matter(example, names) -> None:
    assert list(describing.files(example)) == names


def test_what_a_server_says() -> None:
    found = describing.files(BY_ID["HBA080"].bad)
    assert found["what the server says"].startswith("/hba: changed 2 hours")


def test_as_text() -> None:
    rule = BY_ID["HBA003"]
    assert describing.text(rule).split("\n") == [
        "HBA003 refused-setting (error)",
        "PostgreSQL would not take a line of postgresql.conf",
        "",
        rule.why,
        "",
        "bad, for PostgreSQL 16:",
        "  postgresql.conf",
        "    ssl = on on",
        "",
        "good, for PostgreSQL 16:",
        "  postgresql.conf",
        "    ssl = on",
    ]


def test_as_facts() -> None:
    for rule in RULES:
        made = describing.document(rule)
        assert (made["id"], made["severity"]) == (rule.id, rule.severity.value)
        assert made["bad"] != made["good"]
