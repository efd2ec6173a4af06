import pytest

from pgward.hba.check.catalogue import BY_ID
from pgward.hba.check.rule import Example
from tests.fixtures.hba_examples import subject_of


def found(rule: str, example: Example) -> list[str]:
    return [f"{place}: {message}" for place, message, *_ in BY_ID[rule].look(subject_of(example))]


def test_every_line_that_would_not_be_taken() -> None:
    hba = "x\nlocal all all peer\nhost all all all md5 map=m"
    assert found("HBA001", Example(hba)) == [
        "/hba:1:1: 'x' is no connection type of PostgreSQL 16",
        "/hba:3:22: map can only stand behind the methods cert, gss, ident, oauth, peer, sspi",
    ]
    assert found("HBA002", Example(ident="m a")) == [
        "/ident:1:4: the line ends before the database role"
    ]
    assert found("HBA003", Example(conf="ssl on\nssl =")) == ["/conf:2:6: syntax error"]


def test_a_file_that_says_nothing_is_not_taken() -> None:
    (said,) = found("HBA001", Example("# nothing"))
    assert said.startswith("None: pg_hba.conf has no line")


def test_what_cannot_be_judged_is_said() -> None:
    (said,) = found("HBA001", Example(r"host /(?x)a all all md5"))
    assert "it cannot be judged here" in said


@pytest.mark.parametrize(
    ("version", "conf", "said"),
    [
        (11, "SSL_min_protocol_version = ''", "it came with 12"),
        (13, "ssl_crl_dir = 'x'", "it came with 14"),
        (17, "db_user_namespace = off", "it went with 17"),
        (16, "db_user_namespace = off", None),
        (17, "ssl_groups = 'x'", "it came with 18"),
    ],
)
def test_settings_of_other_versions(version, conf, said) -> None:
    messages = found("HBA004", Example(conf=conf, version=version))
    assert [said in each for each in messages] == ([True] if said else [])


def test_oauth_needs_a_validator() -> None:
    line = 'host all all all oauth issuer="https://x" scope="y"'
    assert found("HBA005", Example(line, version=18)) == []
    for conf in ("", "oauth_validator_libraries = ' '"):
        assert len(found("HBA005", Example(line, conf=conf, version=18))) == 1


@pytest.mark.parametrize(
    ("version", "hba", "places"),
    [
        (14, "# a \\\nhost all all all reject", ["/hba:2"]),
        (14, "local all all peer # a \\\nhost b\\\nhostssl c", ["/hba:2", "/hba:3"]),
        (14, "# a \\\n# host all all all reject", []),
        (14, "# a \\\nprose that goes on", []),
        (14, "host all \\\n all all reject # a", []),
        (13, "# a \\\nhost all all all reject", []),
        (14, "# a \\ \nhost all all all reject", []),
    ],
)
def test_lines_in_comments(version, hba, places) -> None:
    said = found("HBA006", Example(f"{hba}\nlocal all all peer", version=version))
    assert [each.partition(": ")[0] for each in said] == places
