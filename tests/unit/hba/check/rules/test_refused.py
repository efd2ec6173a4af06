from pgward.hba.check.catalogue import BY_ID
from pgward.hba.check.rule import Example
from tests.fixtures.hba_examples import subject_of


def found(rule: str, example: Example) -> list[str]:
    return [f"{place}: {message}" for place, message in BY_ID[rule].look(subject_of(example))]


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
